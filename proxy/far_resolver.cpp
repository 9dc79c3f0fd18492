#include "proxy/far_resolver.hpp"

#include <boost/context/fixedsize_stack.hpp>
#include <new>
#include <optional>
#include <utility>

#include "proxy/dns_over_udp.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t stack_size = 64U << 10;

bool is_loopback(const core::Address& address) { return io::to_asio(address).is_loopback(); }

/// The server could not do its work, which says nothing about the name.
bool is_trouble(const dns::Message& answer) {
  const auto rcode = dns::rcode_of(answer);
  return rcode == dns::Rcode::server_failure || rcode == dns::Rcode::not_implemented || rcode == dns::Rcode::refused;
}

}  // namespace

FarResolver::FarResolver(asio::io_context& context, Settings settings, Egress* way_out, DnsUpstream* stream,
                         DescriptorReserve& reserve, const io::Log& log)
    : context_(context),
      settings_(std::move(settings)),
      way_out_(way_out),
      stream_(stream),
      reserve_(reserve),
      log_(log),
      direct_(context, settings_.timeout),
      own_(settings_.resolv_conf) {}

std::vector<core::Endpoint> FarResolver::servers() {
  return order_.arrange(settings_.servers.empty() ? own_.current() : settings_.servers, Clock::now());
}

// The loopback is this host's in any case.
bool FarResolver::behind_way_out(const core::Endpoint& server) const {
  return way_out_ != nullptr && !settings_.servers.empty() && !is_loopback(server.address);
}

void FarResolver::ask(const core::Endpoint& /*server*/, dns::Message query, Done done) {
  if (pending_ >= settings_.queries) return done(error_code(asio::error::no_buffer_space));
  ++pending_;
  try {
    resolve_in_coroutine(std::move(query), std::move(done));
  } catch (const std::bad_alloc&) {
    --pending_;
    throw;
  }
}

void FarResolver::resolve_in_coroutine(dns::Message query, Done done) {
  const auto outcome = std::make_shared<result<dns::Message>>(error_code(asio::error::fault));
  asio::spawn(
      context_, std::allocator_arg, boost::context::fixedsize_stack(stack_size),
      [this, query = std::move(query), outcome](asio::yield_context yield) { *outcome = resolve(query, yield); },
      [this, outcome, done = std::move(done)](const std::exception_ptr& /*failure*/) {
        // After an exception the outcome is still the fault that it started as.
        --pending_;
        done(std::move(*outcome));
      });
}

result<dns::Message> FarResolver::resolve(const dns::Message& query, const asio::yield_context& yield) {
  error_code last = asio::error::host_not_found;
  std::optional<dns::Message> trouble;
  for (const auto& server : servers()) {
    auto answer = ask_one(server, query, yield);
    if (!answer) {
      failed(server, last = answer.error());
      continue;
    }
    order_.worked(server);
    if (!is_trouble(*answer)) return answer;
    if (!trouble) trouble = std::move(*answer);
  }
  if (trouble) return std::move(*trouble);
  return last;
}

result<dns::Message> FarResolver::ask_one(const core::Endpoint& server, const dns::Message& query,
                                          const asio::yield_context& yield) {
  if (behind_way_out(server) && stream_ != nullptr) return ask_stream(server, query, yield);
  reserve_.refill();
  auto answer = ask_over_udp(context_, server, query, settings_.timeout, yield);
  if (!answer && reserve_.relieve(answer.error())) {
    answer = ask_over_udp(context_, server, query, settings_.timeout, yield);
  }
  return answer;
}

// Waits in a coroutine for what comes as a callback.
result<dns::Message> FarResolver::ask_stream(const core::Endpoint& server, const dns::Message& query,
                                             const asio::yield_context& yield) {
  struct Wait {
    explicit Wait(asio::io_context& context) : timer(context, asio::steady_timer::time_point::max()) {}
    asio::steady_timer timer;
    std::optional<result<dns::Message>> answer;
  };
  const auto wait = std::make_shared<Wait>(context_);
  stream_->ask(server, query, [wait](result<dns::Message> answer) {
    wait->answer = std::move(answer);
    wait->timer.cancel();
  });
  error_code ignored;
  if (!wait->answer) wait->timer.async_wait(yield[ignored]);
  if (!wait->answer) return error_code(asio::error::operation_aborted);
  return std::move(*wait->answer);
}

result<tcp::socket> FarResolver::connect(const Target& asked, asio::yield_context yield) {
  error_code last = asio::error::host_unreachable;
  for (const auto& server : servers()) {
    const Target target{asked.source, server, {}, asked.memory};
    auto socket = behind_way_out(server) ? way_out_->connect(target, yield) : direct_.connect(target, yield);
    if (socket) {
      order_.worked(server);
      return socket;
    }
    if (yield.cancelled() != asio::cancellation_type::none) return error_code(asio::error::operation_aborted);
    failed(server, last = socket.error());
  }
  return last;
}

void FarResolver::failed(const core::Endpoint& server, error_code error) {
  order_.failed(server, Clock::now());
  log_.about_flow(io::LogLevel::info, "a nameserver does not answer: " + error.message(), {{"server", server.text()}});
}

}  // namespace tfunnel::proxy
