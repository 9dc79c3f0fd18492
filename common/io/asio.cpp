#include "common/io/asio.hpp"

namespace tfunnel::io {

core::Address from_asio(const asio::ip::address& address) {
  return address.is_v4() ? core::Address::v4(address.to_v4().to_bytes()) : core::Address(address.to_v6().to_bytes());
}

asio::ip::address to_asio(const core::Address& address) {
  if (address.is_v4()) return asio::ip::make_address_v4(address.v4_bytes());
  return asio::ip::make_address_v6(address.bytes());
}

}  // namespace tfunnel::io
