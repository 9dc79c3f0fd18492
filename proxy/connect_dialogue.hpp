// The decisions of one CONNECT: what to send, and what an answer means.
#pragma once

#include <string>

#include "common/core/reason.hpp"
#include "proxy/authenticator.hpp"
#include "proxy/egress.hpp"
#include "proxy/http_response.hpp"

namespace tfunnel::proxy {

/// "name:443", "192.0.2.1:443" or "[2001:db8::1]:443": the name if the target has one that may be sent.
std::string connect_authority(const Target& target);

/// Pure; one for each attempt to open a tunnel, over as many requests as authentication takes.
class ConnectDialogue {
 public:
  enum class Next { wait, established, again, failed };

  /// `authority` is what to connect to; `authenticator` must outlive this.
  ConnectDialogue(std::string authority, Authenticator& authenticator)
      : authority_(std::move(authority)), authenticator_(authenticator) {}

  /// The head of the request to send now (RFC 9110, 9.3.6).
  std::string request();
  /// What to do about the answer. `wait`: an interim response, another will come; `again`: send another request.
  Next on_response(const ResponseHead& head);

  /// After `failed`: what the application learns, and what the log says.
  [[nodiscard]] core::Reason reason() const { return reason_; }
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  Next on_challenge(const ResponseHead& head);
  Next fail(core::Reason reason, const std::string& message);

  std::string authority_;
  Authenticator& authenticator_;
  std::string authorization_;   // of the last request
  bool answered_here_ = false;  // it answered a challenge of this dialogue, not one that another got earlier
  int challenges_ = 0;
  int interims_ = 0;
  core::Reason reason_ = core::Reason::unspecified;
  std::string message_;
};

}  // namespace tfunnel::proxy
