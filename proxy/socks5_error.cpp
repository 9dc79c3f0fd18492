#include "proxy/socks5_error.hpp"

#include <string>

namespace tfunnel::proxy {

namespace {

const char* text_of(Socks5Error error) {
  switch (error) {
    case Socks5Error::general_failure: return "general failure";
    case Socks5Error::not_allowed: return "not allowed by its rules";
    case Socks5Error::network_unreachable: return "network unreachable";
    case Socks5Error::host_unreachable: return "host unreachable";
    case Socks5Error::refused: return "connection refused";
    case Socks5Error::ttl_expired: return "TTL expired";
    case Socks5Error::command_not_supported: return "it does not support this command";
    case Socks5Error::address_type_not_supported: return "it does not support this kind of address";
    case Socks5Error::unknown_reply: return "it gave an unknown reply code";
    case Socks5Error::not_socks5: return "it does not speak SOCKS5";
    case Socks5Error::no_acceptable_method: return "it accepts none of our ways to authenticate (--socks5-user)";
    case Socks5Error::credentials_rejected: return "it rejected the user name or password";
    case Socks5Error::malformed_reply: return "it gave a malformed reply";
    case Socks5Error::closed_early: return "it closed the connection before it answered";
    case Socks5Error::name_too_long: return "the host name is longer than 255 bytes";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tfunnel.socks5"; }
  [[nodiscard]] std::string message(int value) const override { return text_of(static_cast<Socks5Error>(value)); }
};

}  // namespace

boost::system::error_code make_error_code(Socks5Error error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

core::Reason reason_of(Socks5Error error) {
  switch (error) {
    case Socks5Error::not_allowed: return core::Reason::denied;
    case Socks5Error::network_unreachable: return core::Reason::network_unreachable;
    case Socks5Error::host_unreachable:
    case Socks5Error::ttl_expired: return core::Reason::host_unreachable;
    case Socks5Error::refused: return core::Reason::refused;
    default: return core::Reason::upstream_refused;
  }
}

bool concerns_proxy(Socks5Error error) {
  switch (error) {
    case Socks5Error::general_failure:
    case Socks5Error::not_allowed:
    case Socks5Error::network_unreachable:
    case Socks5Error::host_unreachable:
    case Socks5Error::refused:
    case Socks5Error::ttl_expired:
    case Socks5Error::name_too_long: return false;
    default: return true;
  }
}

AskAgain ask_again_after(Socks5Error error) {
  switch (error) {
    case Socks5Error::not_allowed:
    case Socks5Error::address_type_not_supported: return AskAgain::if_forbidden;
    case Socks5Error::unknown_reply:
    case Socks5Error::closed_early: return AskAgain::if_refused;
    default: return concerns_proxy(error) ? AskAgain::never : AskAgain::if_refused;
  }
}

}  // namespace tfunnel::proxy
