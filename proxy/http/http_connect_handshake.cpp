#include "proxy/http/http_connect_handshake.hpp"

#include <chrono>
#include <utility>

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
// A new connection takes less time than to wait for a body that is announced and does not come.
constexpr core::Duration drain_limit = std::chrono::seconds(2);
}  // namespace

HttpConnectHandshake::HttpConnectHandshake(const Tools& tools, HttpProxyServer& server,
                                           std::shared_ptr<HttpConnectAttempt> attempt, core::Duration patience,
                                           const asio::yield_context& yield)
    : tools_(tools),
      server_(server),
      shared_attempt_(std::move(attempt)),
      attempt_(*shared_attempt_),
      patience_(patience),
      yield_(yield),
      authority_(connect_authority(attempt_.target)),
      failure_(server_, attempt_.target, authority_, tools_.log),
      dialogue_(authority_, server.authenticator),
      password_(server.gate, server.authenticator, dialogue_, authority_) {}

result<tcp::socket> HttpConnectHandshake::run() {
  if (!silent_) proceed(dialogue_.begin());
  for (;;) {
    if (attempt_.expired) return failure_.fail_timed_out();
    if (cancelled()) return error_code(asio::error::operation_aborted);
    HttpResponse response;
    const auto error = std::exchange(silent_, false) ? read_final_head(response) : exchange(response);
    silent_ = error == ProxyConnection::interrupted();
    if (silent_) return error;
    if (error && reused_ && !attempt_.expired && error != asio::error::operation_aborted) {
      // It said that it would keep the connection, and changed its mind.
      if (const auto failed = reconnect()) return failed;
      continue;
    }
    if (error) return give_up(error, response);
    const auto next = judge(response);
    password_.judge(next, response.head().status);
    switch (proceed(next)) {
      case Next::established: return attempt_.connection->release(yield_);
      case Next::failed: return refused();
      default: break;
    }
    if (const auto failed = make_ready(response)) return failed;
  }
}

HttpConnectHandshake::Next HttpConnectHandshake::proceed(Next next) {
  while ((next == Next::step || next == Next::again) && !attempt_.expired && !cancelled()) {
    if (password_.is_due()) {
      next = password_.pass(next, {attempt_.step, attempt_.expired}, yield_);
    } else if (next == Next::step) {
      next = dialogue_.on_step(take_step());
    } else {
      break;
    }
  }
  return next;
}

SecurityContext::Step HttpConnectHandshake::take_step() {
  const auto made = std::make_shared<SecurityContext::Step>();
  auto call = [context = std::weak_ptr(dialogue_.context()), received = dialogue_.received(), made] {
    // Nobody waits any more if it is gone.
    if (const auto alive = context.lock()) *made = alive->step(received);
  };
  attempt_.step.expires_at(Clock::time_point::max());
  tools_.blocking_calls.run(std::move(call), [attempt = shared_attempt_] { attempt->step.cancel(); });
  error_code cancelled;
  attempt_.step.async_wait(yield_[cancelled]);
  // The thread may still be writing.
  return attempt_.expired ? SecurityContext::Step{{}, "it takes too long"} : *made;
}

error_code HttpConnectHandshake::exchange(HttpResponse& response) {
  auto& connection = *attempt_.connection;
  if (const auto error = connection.write(dialogue_.request(), yield_)) return error;
  if (patience_ > core::Duration::zero() && !attempt_.heard) watch_silence();
  return read_final_head(response);
}

// It may be the destination that does not answer the proxy: then the proxy is alive if it answers others.
void HttpConnectHandshake::watch_silence() {
  silence_.emplace(tools_.context, patience_, [attempt = shared_attempt_, &server = server_, begin = Clock::now()] {
    if (!attempt->heard && server.heard < begin) attempt->connection->interrupt();
  });
}

error_code HttpConnectHandshake::read_final_head(HttpResponse& response) {
  for (;;) {
    if (const auto error = read_head(response)) return error;
    if (!response.head().interim()) return {};
    next_ = dialogue_.on_response(response.head());
    if (next_ != Next::wait) return {};
    response = HttpResponse();
  }
}

error_code HttpConnectHandshake::read_head(HttpResponse& response) {
  while (!response.head_done()) {
    const auto bytes = attempt_.connection->peek(yield_);
    if (!bytes) return bytes.error();
    attempt_.heard = true;
    server_.heard = Clock::now();
    const auto used = response.take_head(*bytes);
    if (!used) return used.error();
    if (const auto error = attempt_.connection->consume(*used)) return error;
  }
  answered_ = true;
  return {};
}

HttpConnectHandshake::Next HttpConnectHandshake::judge(const HttpResponse& response) {
  return response.head().interim() ? next_ : dialogue_.on_response(response.head());
}

error_code HttpConnectHandshake::make_ready(HttpResponse& response) {
  const auto wanted = dialogue_.connection();
  const bool needed = wanted == ConnectDialogue::Connection::same;
  const auto most = needed ? HttpResponse::most_needed_body : HttpResponse::most_body;
  reused_ =
      wanted != ConnectDialogue::Connection::fresh && response.keeps_connection(most) && !drain(response, most, needed);
  if (attempt_.expired) return failure_.fail_timed_out();
  return reused_ ? error_code() : reconnect();
}

error_code HttpConnectHandshake::drain(HttpResponse& response, std::size_t most, bool needed) {
  const auto limit = needed ? tools_.timeout : drain_limit;
  Deadline deadline(tools_.context, limit, [connection = attempt_.connection] { connection->expire(); });
  while (!response.body_done()) {
    const auto bytes = attempt_.connection->peek(yield_);
    if (!bytes) return bytes.error();
    if (const auto error = response.take_body(*bytes, most)) return error;
    if (const auto error = attempt_.connection->consume(bytes->size())) return error;
  }
  return {};
}

error_code HttpConnectHandshake::reconnect() {
  reused_ = false;
  if (dialogue_.connection() == ConnectDialogue::Connection::same)
    return failure_.fail(core::Reason::upstream_refused, "closed the connection that it was authenticating");
  std::string why;
  const auto error = tools_.connector.reach_again(server_, attempt_, why, yield_);
  if (!error || error == asio::error::operation_aborted) return error;
  if (attempt_.expired) return failure_.fail_timed_out();
  return failure_.fail(core::Reason::upstream_refused, "could not be reached again: " + why);
}

error_code HttpConnectHandshake::refused() {
  if (asks_again(attempt_.target.asks_again, dialogue_.asks_again()))
    return failure_.fail_as_called(dialogue_.message());
  return failure_.fail(dialogue_.reason(), password_.failure());
}

error_code HttpConnectHandshake::give_up(error_code error, const HttpResponse& response) {
  if (attempt_.expired) return failure_.fail_timed_out();
  if (error == asio::error::operation_aborted) return error;
  return failure_.fail_unanswered(error, response);
}

}  // namespace tfunnel::proxy
