#include "common/core/network.hpp"

#include <algorithm>

namespace tfunnel::core {

Network Network::of(const Address& address, unsigned prefix) {
  const auto bits = address.is_v4() ? prefix + 96 : prefix;
  auto bytes = address.bytes();
  for (auto bit = bits; bit < 128; ++bit) bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> bit % 8));
  return {Address(bytes), bits};
}

bool Network::contains(const Address& address) const {
  if (address.is_v4() != first.is_v4()) return false;
  const auto& ours = first.bytes();
  const auto& theirs = address.bytes();
  const auto whole = bits / 8;
  if (!std::equal(ours.begin(), ours.begin() + whole, theirs.begin())) return false;
  const auto rest = bits % 8;
  return rest == 0 || (ours[whole] ^ theirs[whole]) >> (8 - rest) == 0;
}

bool Network::within(const Network& other) const { return bits >= other.bits && other.contains(first); }

}  // namespace tfunnel::core
