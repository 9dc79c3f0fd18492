#include "tests/unit/support/bytes.hpp"

#include <algorithm>

namespace tfunnel::test {

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::uint8_t pattern_at(std::size_t position, std::uint32_t seed) {
  const auto mixed = (position + 1) * 2654435761U + seed * 40503U;
  return static_cast<std::uint8_t>(mixed >> 13 ^ mixed >> 5);
}

Bytes pattern(std::size_t size, std::uint32_t seed) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = pattern_at(i, seed);
  return bytes;
}

void append(Bytes& to, core::ByteView more) { to.insert(to.end(), more.begin(), more.end()); }

Bytes operator+(Bytes left, const Bytes& right) {
  append(left, right);
  return left;
}

Bytes delimited(const std::string& frame) { return bytes_of(varint(frame.size()) + frame); }

Bytes delimited(const wire::Frame& frame) { return delimited(frame.SerializeAsString()); }

std::string varint(std::uint64_t value, std::size_t width) {
  std::string text;
  while (value > 0x7f || text.size() + 1 < width) {
    text.push_back(static_cast<char>(0x80 | (value & 0x7f)));
    value >>= 7;
  }
  text.push_back(static_cast<char>(value));
  return text;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

core::Address address_of(const std::string& text) { return core::Address::parse(text).value(); }

core::Endpoint endpoint(const std::string& address, std::uint16_t port) { return {address_of(address), port}; }

Bytes Random::bytes(std::size_t size) {
  Bytes bytes(size);
  std::ranges::generate(bytes, [this] { return static_cast<std::uint8_t>(engine_()); });
  return bytes;
}

}  // namespace tfunnel::test
