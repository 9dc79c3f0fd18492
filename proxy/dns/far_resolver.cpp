#include "proxy/dns/far_resolver.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "proxy/dns/dns_stream_session.hpp"
#include "proxy/io/local_pair.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

bool is_loopback(const core::Address& address) { return io::to_asio(address).is_loopback(); }

}  // namespace

FarResolver::FarResolver(asio::io_context& context, Settings settings, DnsUpstream* stream, DescriptorReserve& reserve,
                         const io::Log& log)
    : context_(context),
      settings_(std::move(settings)),
      stream_(stream),
      log_(log),
      direct_(context, DnsOverStream::Limits().answer),
      direct_stream_(context, direct_, log),
      ports_(context, reserve),
      own_(settings_.resolv_conf) {}

void FarResolver::charge_to(core::MemoryBudget& memory) {
  if (stream_ != nullptr) stream_->charge_to(memory);
  direct_stream_.charge_to(memory);
}

// With a question go its timer and its ports.
void FarResolver::stop() {
  questions_.clear();
  waiting_ = 0;
  direct_stream_.stop();
}

// --dns means an order, which `rotate` would spoil.
std::vector<core::Endpoint> FarResolver::servers(const dns::Message& query, By by) {
  // The host's own options count for the servers of --dns as well.
  const auto& own = own_.current();
  auto all = settings_.servers;
  if (all.empty()) {
    all = own;
    if (own_.options().rotate && !all.empty()) {
      std::ranges::rotate(all, all.begin() + static_cast<std::ptrdiff_t>(rotation_++ % all.size()));
    }
  }
  std::vector<core::Endpoint> once;
  for (const auto& server : order_.arrange(all, Clock::now())) {
    if (std::ranges::find(once, server) == once.end()) once.push_back(server);
  }
  if (by == By::stream) {
    const auto first = truncated_.find(query, Clock::now());
    if (first) std::ranges::stable_partition(once, [&](const auto& server) { return server == *first; });
  }
  return once;
}

bool FarResolver::goes_by_stream(const core::Endpoint& server, By by) const {
  return by == By::stream || behind_way_out(server);
}

// The loopback is this host's in any case.
bool FarResolver::behind_way_out(const core::Endpoint& server) const {
  return stream_ != nullptr && !settings_.servers.empty() && !is_loopback(server.address);
}

dns::Message FarResolver::key_of(const dns::Message& query, By by) {
  auto key = query;
  dns::set_id(key, static_cast<std::uint16_t>(by));
  return key;
}

FarQuestion::Ways FarResolver::ways(By by) {
  return {ports_,
          [this, by](const core::Endpoint& server) -> DnsUpstream* {
            if (behind_way_out(server)) return stream_;
            return by == By::stream ? &direct_stream_ : nullptr;
          },
          [this, by](const core::Endpoint& server, error_code error, core::Time asked) {
            order_.failed(server, Clock::now());
            if (!goes_by_stream(server, by)) failed(server, error, asked);
          },
          [this, by](const core::Endpoint& server) {
            if (!goes_by_stream(server, by)) answered(server);
          },
          [this, by](FarQuestion& question) { over(question, by); }};
}

void FarResolver::ask(const dns::Message& query, By by, const Done& done) {
  if (waiting_ >= settings_.queries) return done(error_code(asio::error::no_buffer_space));
  const auto key = key_of(query, by);
  const auto same = questions_.find(key);
  if (same != questions_.end()) {
    same->second->wait(dns::id_of(query), done);
    ++waiting_;
    return;
  }
  const auto all = servers(query, by);
  if (all.empty()) return done(error_code(asio::error::host_not_found));
  const auto question = std::make_shared<FarQuestion>(context_, ways(by), Inquiry(all, own_.options()), query);
  question->wait(dns::id_of(query), done);
  questions_.emplace(key, question);
  ++waiting_;
  try {
    question->start();
  } catch (const std::bad_alloc&) {
    // Unless it was over already.
    waiting_ -= questions_.erase(key);
    throw;
  }
}

void FarResolver::ask_again(const dns::Message& query) {
  const auto found = questions_.find(key_of(query, By::datagram));
  if (found == questions_.end()) return;
  const auto question = found->second;
  question->hurry();
}

void FarResolver::over(FarQuestion& question, By by) {
  const auto& inquiry = question.inquiry();
  if (inquiry.outcome()) {
    const auto& answer = *inquiry.outcome();
    order_.worked(inquiry.answerer());
    if (by == By::datagram && dns::is_truncated(answer)) {
      truncated_.note(question.query(), inquiry.answerer(), Clock::now());
    }
  }
  const auto found = questions_.find(key_of(question.query(), by));
  const auto kept = std::move(found->second);
  questions_.erase(found);
  waiting_ -= kept->waiting();
  kept->tell();
}

result<tcp::socket> FarResolver::connect(const Target& asked, asio::yield_context yield, DnsStreamSession::Ask ask) {
  if (!ask) ask = [this](const dns::Message& query, const Done& done) { ask_over_stream(query, done); };
  auto charge = charge_for(asked, DnsStreamSession::cost);
  if (!charge) return error_code(asio::error::no_buffer_space);
  auto pair = make_local_pair(context_, yield);
  if (!pair) return pair.error();
  const auto session = std::make_shared<DnsStreamSession>(std::move(pair->second), std::move(ask), std::move(*charge));
  session->start();
  return std::move(pair->first);
}

// Who carries the stream tells of the others.
void FarResolver::failed(const core::Endpoint& server, error_code error, core::Time asked) {
  const auto now = Clock::now();
  const bool silent = error == asio::error::timed_out;
  if (!(silent ? news_.silent(server, asked, now) : news_.failed(server, now))) return;
  log_.about_flow(io::LogLevel::warning, "nameserver " + server.text() + " does not answer: " + error.message());
}

void FarResolver::answered(const core::Endpoint& server) {
  if (news_.answered(server)) log_.about_flow(io::LogLevel::warning, "nameserver " + server.text() + " answers again");
}

}  // namespace tfunnel::proxy
