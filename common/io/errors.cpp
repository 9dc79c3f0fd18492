#include "common/io/errors.hpp"

#include <cerrno>

namespace tfunnel::io {

namespace {

class ReasonCategory final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tfunnel.reason"; }
  [[nodiscard]] std::string message(int value) const override {
    return std::string(core::name(core::reason_from_wire(value)));
  }
};

const ReasonCategory& reason_category() {
  static const ReasonCategory category;
  return category;
}

}  // namespace

error_code error_of(core::Reason reason) { return {static_cast<int>(reason), reason_category()}; }

core::Reason reason_of(const error_code& error) {
  if (error.category() == reason_category()) return core::reason_from_wire(error.value());
  switch (error.value()) {
    case ECONNREFUSED: return core::Reason::refused;
    case EHOSTUNREACH:
    case EHOSTDOWN: return core::Reason::host_unreachable;
    case ENETUNREACH:
    case ENETDOWN:
    case EAFNOSUPPORT:
    case EADDRNOTAVAIL: return core::Reason::network_unreachable;
    case ETIMEDOUT: return core::Reason::timed_out;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: return core::Reason::peer_reset;
    case EACCES:
    case EPERM: return core::Reason::denied;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return core::Reason::resource_limit;
    default: return core::Reason::unspecified;
  }
}

bool is_transient(const error_code& error) {
  return error == asio::error::would_block || error == asio::error::try_again || error == asio::error::interrupted;
}

bool is_exhaustion(const error_code& error) {
  const auto value = error.value();
  return value == EMFILE || value == ENFILE || value == ENOBUFS || value == ENOMEM;
}

error_code any_port_error(const error_code& error) {
  const bool no_port = error == asio::error::address_in_use || error == asio::error::try_again;
  return no_port ? asio::error::no_buffer_space : error;
}

error_code last_error() { return {errno, boost::system::system_category()}; }

}  // namespace tfunnel::io
