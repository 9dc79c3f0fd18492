// Authentication by a mechanism that makes and reads tokens (RFC 2743), as Negotiate and NTLM need it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/auth/credentials.hpp"

namespace tfunnel::proxy {

enum class Mechanism { spnego, ntlm };

/// Our side of one exchange. It proves who we are for one connection only, so each attempt has its own.
class SecurityContext {
 public:
  struct Step {
    std::string token;    // to send; raw bytes
    std::string failure;  // empty, or why there is no token and what to do about it, for people
  };

  SecurityContext() = default;
  SecurityContext(const SecurityContext&) = delete;
  SecurityContext& operator=(const SecurityContext&) = delete;
  virtual ~SecurityContext() = default;

  /// The token to send next. `received` is the peer's, empty at first. May block for many seconds, where a key
  /// distribution centre is asked that does not answer: never call it in the thread of the event loop.
  virtual Step step(const std::string& received) = 0;
};

/// Makes a context for the service HTTP at `host`, with this user and password if the mechanism takes them, else
/// as the user that the system knows us for. Does not block; never null: a lack shows in the first step.
using MakeSecurityContext = std::function<std::shared_ptr<SecurityContext>(
    Mechanism mechanism, const std::string& host, const std::optional<Credentials>& credentials)>;

}  // namespace tfunnel::proxy
