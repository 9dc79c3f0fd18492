#include "proxy/http/http_connect_failure.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>

#include "common/core/greeting.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::proxy {

namespace {
/// A guess at the protocol from first bytes that are no HTTP response.
std::string what_speaks_so(const std::string& raw) {
  if (raw.starts_with("\x15\x03") || raw.starts_with("\x16\x03")) return "; that is TLS: give the proxy as https://";
  if (raw.starts_with('\x05')) return "; is it a SOCKS5 proxy? (--socks5)";
  return raw.starts_with("SSH-") ? "; that is an SSH server" : "";
}
}  // namespace

error_code HttpConnectFailure::fail(core::Reason reason, const std::string& message, int line, const char* file) const {
  const auto words = server_.name() + " " + message;
  log_.about_upstream(words, {{"destination", authority_}}, line, file);
  if (target_.words != nullptr) *target_.words = words;
  return io::error_of(reason);
}

error_code HttpConnectFailure::fail_timed_out() const {
  return fail(core::Reason::timed_out, "did not connect within the time limit (--connect-timeout)");
}

error_code HttpConnectFailure::fail_as_called(const std::string& message) const {
  log_.about_flow(io::LogLevel::info, server_.name() + " " + message + next_try(!target_.name.empty()),
                  {{"destination", authority_}});
  return refused_as_called();
}

error_code HttpConnectFailure::fail_unanswered(error_code error, const HttpResponse& response) const {
  const auto said = "\"" + core::printable(response.raw()) + "\"";
  const bool left = error == asio::error::eof || error == asio::error::connection_reset;
  if (left && response.raw().empty() && target_.asks_again == AskAgain::if_refused)
    return fail_as_called("closed the connection without an answer");
  if (error == asio::error::eof) {
    return fail(core::Reason::upstream_refused, response.raw().empty()
                                                    ? "closed the connection without an answer"
                                                    : "closed the connection in the middle of its answer " + said);
  }
  if (error == boost::system::errc::message_size)
    return fail(core::Reason::upstream_refused, "sent a response head of more than 256 KiB");
  if (error == boost::system::errc::bad_message) {
    return fail(core::Reason::upstream_refused,
                "answered with something that is no HTTP response: " + said + what_speaks_so(response.raw()));
  }
  return fail(core::Reason::upstream_refused, "broke the connection: " + error.message());
}

}  // namespace tfunnel::proxy
