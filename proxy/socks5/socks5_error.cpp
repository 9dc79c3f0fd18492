#include "proxy/socks5/socks5_error.hpp"

#include <string>

namespace tfunnel::proxy {

namespace {

constexpr int last_reply_code = 255;

std::string text_of(Socks5Error error) {
  switch (error) {
    case Socks5Error::general_failure: return "general failure";
    case Socks5Error::not_allowed: return "not allowed by its rules";
    case Socks5Error::network_unreachable: return "network unreachable";
    case Socks5Error::host_unreachable: return "host unreachable";
    case Socks5Error::refused: return "connection refused";
    case Socks5Error::ttl_expired: return "TTL expired";
    case Socks5Error::command_not_supported: return "it does not support this command";
    case Socks5Error::address_type_not_supported: return "it does not support this kind of address";
    case Socks5Error::onion_not_found: return "the onion service is not to be found";
    case Socks5Error::onion_invalid: return "the onion service's descriptor is invalid";
    case Socks5Error::onion_no_introduction: return "the onion service gives no introduction";
    case Socks5Error::onion_no_rendezvous: return "the onion service does not come to a rendezvous";
    case Socks5Error::onion_wants_authorization: return "the onion service wants an authorization";
    case Socks5Error::onion_bad_authorization: return "the onion service does not accept the authorization";
    case Socks5Error::onion_bad_address: return "there is no such onion address";
    case Socks5Error::onion_timed_out: return "the onion service's introduction timed out";
    case Socks5Error::not_socks5: return "it does not speak SOCKS5";
    case Socks5Error::speaks_http: return "it does not speak SOCKS5 but HTTP (for an HTTP proxy: --http-proxy)";
    case Socks5Error::speaks_tls: return "it does not speak SOCKS5 but TLS";
    case Socks5Error::no_acceptable_method: return "it accepts none of our ways to authenticate";
    case Socks5Error::credentials_rejected: return "it rejected the user name or password";
    case Socks5Error::closed_at_password:
      return "it closed the connection when it had got the user name and password; are they wrong?";
    case Socks5Error::malformed_reply: return "it gave a malformed reply";
    case Socks5Error::closed_early: return "it closed the connection before it answered";
    case Socks5Error::name_too_long: return "the host name is longer than 255 bytes";
  }
  const auto value = static_cast<int>(error);
  return value <= last_reply_code ? "it gave an unknown reply code, " + std::to_string(value) : "unknown error";
}

class Socks5Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tfunnel.socks5"; }
  [[nodiscard]] std::string message(int value) const override { return text_of(static_cast<Socks5Error>(value)); }
};

}  // namespace

boost::system::error_code make_error_code(Socks5Error error) {
  static const Socks5Category category;
  return {static_cast<int>(error), category};
}

core::Reason reason_of(Socks5Error error) {
  switch (error) {
    case Socks5Error::not_allowed: return core::Reason::denied;
    case Socks5Error::network_unreachable: return core::Reason::network_unreachable;
    case Socks5Error::host_unreachable:
    case Socks5Error::onion_not_found:
    case Socks5Error::onion_invalid:
    case Socks5Error::onion_no_introduction:
    case Socks5Error::onion_no_rendezvous:
    case Socks5Error::onion_bad_address:
    case Socks5Error::onion_timed_out:
    case Socks5Error::ttl_expired: return core::Reason::host_unreachable;
    case Socks5Error::refused: return core::Reason::refused;
    default: return core::Reason::upstream_refused;
  }
}

AskAgain ask_again_after(Socks5Error error) {
  switch (error) {
    case Socks5Error::not_allowed:
    case Socks5Error::address_type_not_supported: return AskAgain::if_forbidden;
    case Socks5Error::command_not_supported: return AskAgain::never;
    case Socks5Error::name_too_long:
    case Socks5Error::closed_early: return AskAgain::if_refused;
    default: return static_cast<int>(error) <= last_reply_code ? AskAgain::if_refused : AskAgain::never;
  }
}

}  // namespace tfunnel::proxy
