// The words about a CONNECT that failed: to the log, to the application, and to a person at the application's end.
#pragma once

#include <string>

#include "common/core/reason.hpp"
#include "common/io/log.hpp"
#include "proxy/egress/egress.hpp"
#include "proxy/http/http_proxy_server.hpp"
#include "proxy/http/http_response.hpp"

namespace tfunnel::proxy {

/// Of one flow at one proxy. All that it refers to must outlive it. Each function logs a line and gives the error for
/// Egress::connect().
class HttpConnectFailure {
 public:
  /// `authority` is what the proxy was asked to connect to.
  HttpConnectFailure(const HttpProxyServer& server, const Target& target, const std::string& authority,
                     const io::Log& log)
      : server_(server), target_(target), authority_(authority), log_(log) {}

  /// `message` goes behind the proxy's name. Gives io::error_of(reason).
  /// Each call is a kind of line: a flood of destinations that the rules forbid must not hide that the proxy is broken.
  error_code fail(core::Reason reason, const std::string& message, int line = __builtin_LINE(),
                  const char* file = __builtin_FILE()) const;
  /// The time for all of it is over.
  error_code fail_timed_out() const;
  /// Nobody need do anything about it yet. Gives refused_as_called().
  error_code fail_as_called(const std::string& message) const;
  /// The connection ended by `error`, or what came is no answer; `response` is as far as it came.
  error_code fail_unanswered(error_code error, const HttpResponse& response) const;

 private:
  const HttpProxyServer& server_;
  const Target& target_;
  const std::string& authority_;
  const io::Log& log_;
};

}  // namespace tfunnel::proxy
