// The decisions of one CONNECT: the requests, and the meaning of answers.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/core/reason.hpp"
#include "proxy/auth/authenticator.hpp"
#include "proxy/egress/egress.hpp"
#include "proxy/http/http_response.hpp"

namespace tfunnel::proxy {

/// RFC 9110, 15.5.8.
inline constexpr unsigned proxy_authentication_required = 407;
inline constexpr unsigned unauthorized = 401;  // tinyproxy's answer to a wrong password

/// "name:443", "192.0.2.1:443" or "[2001:db8::1]:443": the name if the target has one that may be sent.
std::string connect_authority(const Target& target);

/// Pure; one for each attempt to open a tunnel, over as many requests as authentication takes. Security contexts
/// (Negotiate, NTLM) may block, so it only says when one must take a step, and is told what came of it.
class ConnectDialogue {
 public:
  enum class Next { wait, established, again, step, failed };
  /// The connection that the next request may be sent over.
  enum class Connection { any, same, fresh };

  /// `authority` is what to connect to; `authenticator` must outlive this.
  ConnectDialogue(std::string authority, Authenticator& authenticator)
      : authority_(std::move(authority)), authenticator_(authenticator) {}

  /// Before the first request: `again` or `step`.
  Next begin();
  /// The head of the request to send now (RFC 9110, 9.3.6).
  std::string request();
  /// The next request, or the step before it, proves to know a password.
  [[nodiscard]] bool shows_password() const { return scheme_ != nullptr && scheme_->uses_password(); }
  /// But it must not, for that was refused before: `again`, to learn whether it goes without, or `failed`, because of
  /// `why`.
  Next withhold_password(const std::string& why);
  /// Or there is another now: `again`, `step` or `failed`.
  Next choose_again();
  /// After `failed`: the proxy does not accept the password, at least not for this destination.
  [[nodiscard]] bool password_refused() const { return password_refused_; }

  /// Decides about the answer. `wait`: an interim response, another will come; `again`: send another request;
  /// `step`: first call context()->step(received()) and on_step().
  Next on_response(const ResponseHead& head);
  /// `again`, `failed`, or `step` for another scheme's context.
  Next on_step(const SecurityContext::Step& made);
  /// REQUIRES: the last answer was `step`.
  [[nodiscard]] const std::shared_ptr<SecurityContext>& context() const { return context_; }
  [[nodiscard]] const std::string& received() const { return received_; }

  /// After `again`. An exchange of tokens proves us for the connection that it began on, and a connection on which
  /// one came to nothing takes no other.
  [[nodiscard]] Connection connection() const;

  /// After `failed`: what the application learns, and what the log says.
  [[nodiscard]] core::Reason reason() const { return reason_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] AskAgain asks_again() const { return asks_again_; }

 private:
  Next on_challenge(const ResponseHead& head);
  Next on_token();
  Next choose();
  Next answer_by_password(const Challenge& challenge, AuthScheme& scheme);
  /// On without the scheme of context_. `why` may be empty.
  Next leave_scheme(const std::string& why);
  Next fail_refused(unsigned status);
  Next fail_for_want_of_a_scheme();
  [[nodiscard]] std::string offers() const;
  std::string password_proof();
  Next fail(core::Reason reason, const std::string& message);

  std::string authority_;
  Authenticator& authenticator_;
  AuthScheme* scheme_ = nullptr;              // to be used in the next request
  std::shared_ptr<SecurityContext> context_;  // if the scheme has one
  std::string received_;                      // the proxy's token for it, decoded
  std::string token_;                         // ours, encoded
  bool token_sent_ = false;                   // by this context
  bool connection_spoilt_ = false;
  std::vector<Challenge> offered_;      // in the last 407
  std::optional<Challenge> challenge_;  // of those, the one that a password answers; none: no 407 yet
  std::set<const AuthScheme*> left_;    // that failed here
  std::string failures_;                // and why, for people
  bool refused_ = false;                // a token of ours
  bool password_refused_ = false;
  std::string authorization_;   // of the last request
  bool answered_here_ = false;  // a password answered a challenge of this dialogue, not one that another got earlier
  int challenges_ = 0;
  int interims_ = 0;
  core::Reason reason_ = core::Reason::unspecified;
  std::string message_;
  AskAgain asks_again_ = AskAgain::never;
};

}  // namespace tfunnel::proxy
