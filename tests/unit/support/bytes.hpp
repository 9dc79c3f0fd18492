// Bytes for tests: made, compared, and random but the same in every run.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "common/core/wire.hpp"

namespace tfunnel::test {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(std::string_view text);
/// `size` bytes that tell their place: a lost, doubled or swapped byte shows.
Bytes pattern(std::size_t size, std::uint32_t seed = 0);
std::uint8_t pattern_at(std::size_t position, std::uint32_t seed);
void append(Bytes& to, core::ByteView more);
Bytes operator+(Bytes left, const Bytes& right);

/// The frame with its length prefix, as any protobuf runtime writes it.
Bytes delimited(const wire::Frame& frame);
Bytes delimited(const std::string& frame);
/// `value` as a varint padded to `width` bytes.
std::string varint(std::uint64_t value, std::size_t width = 1);

/// Is `part` in it?
bool has(const std::string& text, const std::string& part);

core::Address address_of(const std::string& text);
core::Endpoint endpoint(const std::string& address, std::uint16_t port);

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  /// 0 to limit - 1.
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  Bytes bytes(std::size_t size);

 private:
  std::mt19937 engine_;
};

}  // namespace tfunnel::test
