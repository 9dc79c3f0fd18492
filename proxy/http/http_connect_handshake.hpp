// The requests and answers by which one HTTP proxy opens a tunnel.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/io/log.hpp"
#include "proxy/auth/security_context.hpp"
#include "proxy/http/connect_dialogue.hpp"
#include "proxy/http/http_connect_attempt.hpp"
#include "proxy/http/http_connect_failure.hpp"
#include "proxy/http/http_proxy_connector.hpp"
#include "proxy/http/http_proxy_server.hpp"
#include "proxy/http/http_response.hpp"
#include "proxy/http/password_turn.hpp"
#include "proxy/io/blocking_calls.hpp"
#include "proxy/io/deadline.hpp"

namespace tfunnel::proxy {

/// Requests and answers over a proxy that was reached, and over a new connection where it does not keep the old.
/// Belongs to one coroutine.
class HttpConnectHandshake {
 public:
  /// Shared by all handshakes; must outlive them.
  struct Tools {
    asio::io_context& context;
    HttpProxyConnector& connector;
    BlockingCalls& blocking_calls;  // of security contexts
    const io::Log& log;
    core::Duration timeout;  // for all of a flow's way
  };

  /// `attempt` has a connection. `patience` is how long the proxy may be silent; zero: for ever. `server` must outlive
  /// this.
  HttpConnectHandshake(const Tools& tools, HttpProxyServer& server, std::shared_ptr<HttpConnectAttempt> attempt,
                       core::Duration patience, const asio::yield_context& yield);

  /// Gives the tunnel, whose next byte is the destination's. Errors: those of Egress::connect(); the log has a line
  /// that says what happened. After is_silent() it may be called again, and goes on waiting without end.
  result<tcp::socket> run();

  /// The proxy gave an answer, whatever it was.
  [[nodiscard]] bool answered() const { return answered_; }
  /// It said nothing within the patience.
  [[nodiscard]] bool is_silent() const { return silent_; }
  /// The attempt, for a deadline to stop.
  [[nodiscard]] const std::shared_ptr<HttpConnectAttempt>& attempt() const { return shared_attempt_; }

 private:
  using Next = ConnectDialogue::Next;

  /// Lets security contexts make what the next request needs, and waits until a password may be shown.
  Next proceed(Next next);
  [[nodiscard]] bool cancelled() const { return yield_.cancelled() != asio::cancellation_type::none; }
  SecurityContext::Step take_step();
  /// Sends a request and reads the head of the final answer.
  error_code exchange(HttpResponse& response);
  void watch_silence();
  error_code read_final_head(HttpResponse& response);
  error_code read_head(HttpResponse& response);
  Next judge(const HttpResponse& response);
  /// For the next request: this connection, if the proxy keeps it and its answer can be read to the end.
  error_code make_ready(HttpResponse& response);
  /// A body that does not come in time is not worth waiting for, unless this connection is needed.
  error_code drain(HttpResponse& response, std::size_t most, bool needed);
  error_code reconnect();
  error_code refused();
  error_code give_up(error_code error, const HttpResponse& response);

  Tools tools_;
  HttpProxyServer& server_;
  std::shared_ptr<HttpConnectAttempt> shared_attempt_;
  HttpConnectAttempt& attempt_;
  core::Duration patience_;
  std::optional<Deadline> silence_;
  asio::yield_context yield_;
  std::string authority_;
  HttpConnectFailure failure_;
  ConnectDialogue dialogue_;
  PasswordTurn password_;
  Next next_ = Next::wait;  // after an interim response
  bool reused_ = false;     // the connection served a request before
  bool answered_ = false;
  bool silent_ = false;
};

}  // namespace tfunnel::proxy
