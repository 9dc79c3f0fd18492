// The network of the namespace of `tfunnel run`: a loopback device, from which everything goes to the client.
#pragma once

#include <cstdint>
#include <span>

#include "common/core/address.hpp"

namespace tfunnel::client {

/// The port that the client listens on in the namespace. A program without capabilities cannot bind it.
inline constexpr std::uint16_t run_capture_port = 1;
/// The fwmark of what the client sends into the namespace.
inline constexpr std::uint32_t run_own_mark = 3;

/// To be called inside a fresh network namespace whose owner we are, and once. Returns whether it has IPv6. Throws
/// boost::system::system_error, or app::UsageError with what nftables says.
bool set_up_network();

/// The address that packets in the namespace have, in network order.
std::span<const std::uint8_t> own_address(bool is_v4);

/// Is it one of the namespace's own addresses? May be asked from outside.
bool is_address_of_namespace(const core::Address& address);

}  // namespace tfunnel::client
