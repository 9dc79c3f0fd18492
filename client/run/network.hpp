// The network of the namespace of `tfunnel run`: a loopback device, from which everything goes to the client, and a
// network card to look at.
#pragma once

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <span>

#include "common/core/address.hpp"

namespace tfunnel::client {

/// The port that the client listens on in the namespace. A program without capabilities cannot bind it.
inline constexpr std::uint16_t run_capture_port = 1;
/// The fwmark of what the client sends into the namespace.
inline constexpr std::uint32_t run_own_mark = 3;

/// The card that has the namespace's addresses and routes: programs that find a loopback device alone say that they are
/// offline. A name that they take for a wired one's (some go by "eth" and "en").
inline constexpr const char* second_interface = "eth0";
/// What that card's cable leads to, in the same namespace. Nobody listens there. Programs that look for the way out
/// pass over names like this one.
inline constexpr const char* far_side = "veth0";

struct NetworkSetUp {
  bool ipv6 = false;
  /// Why there is no second_interface, and the loopback device has its addresses and routes.
  boost::system::error_code no_card;
};

/// To be called inside a fresh network namespace whose owner we are, and once. Throws boost::system::system_error, or
/// app::UsageError with what nftables says.
NetworkSetUp set_up_network();

/// The address that packets in the namespace have, in network order.
std::span<const std::uint8_t> own_address(bool is_v4);

/// Is it one of the namespace's own addresses? May be asked from outside.
bool is_address_of_namespace(const core::Address& address);

}  // namespace tfunnel::client
