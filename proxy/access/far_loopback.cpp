#include "proxy/access/far_loopback.hpp"

namespace tfunnel::proxy {

namespace {
core::Address v4_loopback() { return core::Address::v4({127, 0, 0, 1}); }
core::Address v6_loopback() { return core::Address::parse("::1").value(); }
}  // namespace

core::Address FarLoopback::real(const core::Address& address) {
  return address.is_v4() ? v4_loopback() : v6_loopback();
}

core::Address FarLoopback::shown(const core::Address& address) const {
  if (address == v4_loopback()) return v4;
  if (address == v6_loopback()) return v6;
  return address;
}

}  // namespace tfunnel::proxy
