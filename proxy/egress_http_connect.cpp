#include "proxy/egress_http_connect.hpp"

#include <algorithm>
#include <chrono>

#include "common/core/greeting.hpp"
#include "common/io/errors.hpp"
#include "proxy/deadline.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;
using Next = ConnectDialogue::Next;

// Beside the coroutine, a handshake's buffers (measured: 8 KB), and a TLS session with what pumps it, for as long as it
// lasts (measured: 60 KB, and its buffers).
constexpr std::size_t handshake_cost = 8U << 10;
constexpr std::size_t session_cost = 96U << 10;

std::string in_seconds(core::Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace

/// What a deadline must be able to stop, whichever step is at work. Shared with the deadlines, which may fire
/// after the coroutine has gone on.
struct HttpConnectEgress::Attempt {
  Attempt(asio::io_context& context, const Target& target_) : target(target_), resolver(context), step(context) {}
  void expire() {
    expired = true;
    resolver.cancel();
    step.cancel();
    if (connection) connection->expire();
  }
  const Target& target;  // alive while the coroutine is at work
  tcp::resolver resolver;
  asio::steady_timer step;  // is waited for while a security context is at work
  std::shared_ptr<ProxyConnection> connection;
  bool expired = false;
};

/// Requests and answers over a proxy that was reached, and over a new connection where it does not keep the old.
class HttpConnectEgress::Handshake {
 public:
  Handshake(HttpConnectEgress& egress, Server& server, std::shared_ptr<Attempt> attempt, const Target& target,
            const asio::yield_context& yield)
      : egress_(egress),
        server_(server),
        shared_attempt_(std::move(attempt)),
        attempt_(*shared_attempt_),
        yield_(yield),
        authority_(connect_authority(target)),
        dialogue_(authority_, server.authenticator) {}

  result<tcp::socket> run() {
    take_steps(dialogue_.begin());
    for (;;) {
      if (attempt_.expired) return fail_timed_out();
      HttpResponse response;
      const auto error = exchange(response);
      if (error && reused_ && !attempt_.expired && error != asio::error::operation_aborted) {
        // It said that it would keep the connection, and changed its mind.
        if (const auto failed = reconnect()) return failed;
        continue;
      }
      if (error) return give_up(error, response);
      switch (take_steps(judge(response))) {
        case Next::established: return attempt_.connection->release(yield_);
        case Next::failed: return refused();
        default: break;
      }
      if (const auto failed = make_ready(response)) return failed;
    }
  }

 private:
  /// Lets security contexts make what the next request needs.
  Next take_steps(Next next) {
    while (next == Next::step && !attempt_.expired) next = dialogue_.on_step(take_step());
    return next;
  }

  SecurityContext::Step take_step() {
    const auto made = std::make_shared<SecurityContext::Step>();
    auto call = [context = std::weak_ptr(dialogue_.context()), received = dialogue_.received(), made] {
      // Nobody waits any more if it is gone.
      if (const auto alive = context.lock()) *made = alive->step(received);
    };
    attempt_.step.expires_at(Clock::time_point::max());
    egress_.blocking_calls_.run(std::move(call), [attempt = shared_attempt_] { attempt->step.cancel(); });
    error_code cancelled;
    attempt_.step.async_wait(yield_[cancelled]);
    // The thread may still be writing.
    return attempt_.expired ? SecurityContext::Step{{}, "it takes too long"} : *made;
  }

  /// Sends a request and reads the head of the final answer.
  error_code exchange(HttpResponse& response) {
    auto& connection = *attempt_.connection;
    if (const auto error = connection.write(dialogue_.request(), yield_)) return error;
    return read_final_head(response);
  }

  error_code read_final_head(HttpResponse& response) {
    for (;;) {
      if (const auto error = read_head(response)) return error;
      if (!response.head().interim()) return {};
      next_ = dialogue_.on_response(response.head());
      if (next_ != Next::wait) return {};
      response = HttpResponse();
    }
  }

  error_code read_head(HttpResponse& response) {
    while (!response.head_done()) {
      const auto bytes = attempt_.connection->peek(yield_);
      if (!bytes) return bytes.error();
      const auto used = response.take_head(*bytes);
      if (!used) return used.error();
      if (const auto error = attempt_.connection->consume(*used)) return error;
    }
    return {};
  }

  Next judge(const HttpResponse& response) {
    return response.head().interim() ? next_ : dialogue_.on_response(response.head());
  }

  /// For the next request: this connection, if the proxy keeps it and its answer can be read to the end.
  error_code make_ready(HttpResponse& response) {
    const auto wanted = dialogue_.connection();
    reused_ = wanted != ConnectDialogue::Connection::fresh && response.keeps_connection() && !drain(response);
    if (attempt_.expired) return fail_timed_out();
    return reused_ ? error_code() : reconnect();
  }

  error_code drain(HttpResponse& response) {
    while (!response.body_done()) {
      const auto bytes = attempt_.connection->peek(yield_);
      if (!bytes) return bytes.error();
      if (const auto error = response.take_body(*bytes)) return error;
      if (const auto error = attempt_.connection->consume(bytes->size())) return error;
    }
    return {};
  }

  error_code reconnect() {
    reused_ = false;
    if (dialogue_.connection() == ConnectDialogue::Connection::same)
      return fail(core::Reason::upstream_refused, "closed the connection that it was authenticating");
    std::string why;
    const auto error = egress_.reach(server_, attempt_, why, yield_);
    if (!error || error == asio::error::operation_aborted) return error;
    if (attempt_.expired) return fail_timed_out();
    return fail(core::Reason::upstream_refused, "could not be reached again: " + why);
  }

  error_code refused() {
    if (asks_again(attempt_.target.asks_again, dialogue_.asks_again())) return fail_as_called(dialogue_.message());
    return fail(dialogue_.reason(), dialogue_.message());
  }

  error_code fail_as_called(const std::string& message) {
    fail(core::Reason::upstream_refused, message + next_try(!attempt_.target.name.empty()));
    return refused_as_called();
  }

  error_code give_up(error_code error, const HttpResponse& response) {
    if (attempt_.expired) return fail_timed_out();
    if (error == asio::error::operation_aborted) return error;
    const auto said = "\"" + core::printable(response.raw()) + "\"";
    const bool left = error == asio::error::eof || error == asio::error::connection_reset;
    if (left && response.raw().empty() && attempt_.target.asks_again == AskAgain::if_refused)
      return fail_as_called("closed the connection without an answer");
    if (error == asio::error::eof) {
      return fail(core::Reason::upstream_refused, response.raw().empty()
                                                      ? "closed the connection without an answer"
                                                      : "closed the connection in the middle of its answer " + said);
    }
    if (error == boost::beast::http::error::header_limit)
      return fail(core::Reason::upstream_refused, "sent a response head of more than 16 KiB");
    if (error.category() == boost::beast::http::make_error_code(boost::beast::http::error::bad_value).category())
      return fail(core::Reason::upstream_refused, "answered with something that is no HTTP response: " + said);
    return fail(core::Reason::upstream_refused, "broke the connection: " + error.message());
  }

  error_code fail_timed_out() {
    return fail(core::Reason::timed_out, "did not connect within the time limit (--connect-timeout)");
  }

  /// Each call is a kind of line: a flood of destinations that the rules forbid must not hide that the proxy is broken.
  error_code fail(core::Reason reason, const std::string& message, int line = __builtin_LINE()) {
    egress_.log_.about_flow(io::LogLevel::info, server_.name() + " " + message, {{"destination", authority_}}, line);
    return io::error_of(reason);
  }

  HttpConnectEgress& egress_;
  Server& server_;
  std::shared_ptr<Attempt> shared_attempt_;
  Attempt& attempt_;
  asio::yield_context yield_;
  std::string authority_;
  ConnectDialogue dialogue_;
  Next next_ = Next::wait;  // after an interim response
  bool reused_ = false;     // the connection served a request before
};

HttpConnectEgress::HttpConnectEgress(asio::io_context& context, const Settings& settings, const io::Log& log)
    : context_(context), settings_(settings), log_(log), rest_(settings.proxies.size()), blocking_calls_(context) {
  for (const auto& url : settings_.proxies) {
    servers_.push_back(
        std::make_unique<Server>(Server{url, Authenticator(url.credentials, url.host, settings_.make_context)}));
  }
}

result<tcp::socket> HttpConnectEgress::connect(const Target& target, asio::yield_context yield) {
  const auto charge = charge_for(target, handshake_cost);
  if (!charge) return error_code(asio::error::no_buffer_space);
  const auto attempt = std::make_shared<Attempt>(context_, target);
  Deadline deadline(context_, settings_.timeout, [attempt] { attempt->expire(); });
  const auto order = rest_.order(Clock::now());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto error = reach_in_time(order[i], attempt, i + 1 < order.size(), yield);
    if (!error) return Handshake(*this, *servers_[order[i]], attempt, target, yield).run();
    if (error == asio::error::operation_aborted || io::is_exhaustion(error)) return error;
    if (deadline.expired()) break;
  }
  log_.about_flow(io::LogLevel::info, "no HTTP proxy can be reached", {{"destination", connect_authority(target)}});
  return io::error_of(deadline.expired() ? core::Reason::timed_out : core::Reason::upstream_refused);
}

error_code HttpConnectEgress::reach_in_time(std::size_t index, const std::shared_ptr<Attempt>& attempt,
                                            bool others_left, const asio::yield_context& yield) {
  attempt->expired = false;
  const auto limit = others_left ? std::min(reach_limit, settings_.timeout / 2) : settings_.timeout;
  Deadline deadline(context_, limit, [attempt] { attempt->expire(); });
  std::string why;
  const auto error = reach(*servers_[index], *attempt, why, yield);
  if (!error && rest_.succeeded(index)) log_.about_flow(io::LogLevel::info, servers_[index]->name() + " is back");
  if (!error || error == asio::error::operation_aborted || io::is_exhaustion(error)) return error;
  note_failure(index, attempt->expired ? "it does not answer in time" : why);
  return error;
}

void HttpConnectEgress::note_failure(std::size_t index, const std::string& why) {
  const auto rest = rest_.failed(index, Clock::now());
  if (!rest) return;
  log_.about_flow(io::LogLevel::warning, servers_[index]->name() + " cannot be used: " + why +
                                             "; others are preferred for " + in_seconds(*rest));
}

error_code HttpConnectEgress::reach(Server& server, Attempt& attempt, std::string& why,
                                    const asio::yield_context& yield) {
  const auto endpoints = resolve(server.url, attempt, yield);
  error_code error = endpoints ? error_code(asio::error::host_not_found) : endpoints.error();
  if (!endpoints) {
    why = "its name cannot be resolved: " + error.message();
    return error;
  }
  for (const auto& endpoint : *endpoints) {
    auto charge = charge_for(attempt.target, server.url.tls ? session_cost : 0);
    if (!charge) return asio::error::no_buffer_space;
    attempt.connection =
        server.url.tls ? settings_.tls->make(context_, server.url.host) : std::make_shared<ProxyConnection>(context_);
    attempt.connection->hold(std::move(*charge));
    if (attempt.expired) return asio::error::timed_out;
    error = attempt.connection->connect(endpoint, yield);
    why = error.message();
    if (!error) error = attempt.connection->secure(why, yield);
    if (!error || attempt.expired || error == asio::error::operation_aborted || io::is_exhaustion(error)) break;
  }
  return error;
}

result<std::vector<tcp::endpoint>> HttpConnectEgress::resolve(const ProxyUrl& url, Attempt& attempt,
                                                              const asio::yield_context& yield) {
  if (const auto address = core::Address::parse(url.host))
    return std::vector<tcp::endpoint>{io::to_asio<tcp>({*address, url.port})};
  error_code error;
  const auto results = attempt.resolver.async_resolve(url.host, std::to_string(url.port), yield[error]);
  if (attempt.expired) return error_code(asio::error::timed_out);
  if (error) return error;
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry : results) endpoints.push_back(entry.endpoint());
  return endpoints;
}

}  // namespace tfunnel::proxy
