// Bytes that somebody else owns.
#pragma once

#include <cstdint>
#include <span>

namespace tfunnel::core {

using ByteView = std::span<const std::uint8_t>;

}  // namespace tfunnel::core
