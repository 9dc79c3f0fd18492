#include "traffic_wire.hpp"

#include <algorithm>
#include <cstring>

namespace traffic {
namespace {

constexpr std::uint32_t header_magic = 0x54464831;
constexpr std::size_t piece_size = 64 * 1024;

void put_u32(std::uint8_t* to, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) to[i] = std::uint8_t(value >> (8 * i));
}

std::uint32_t get_u32(const std::uint8_t* from) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= std::uint32_t{from[i]} << (8 * i);
  return value;
}

std::uint64_t pattern_word(std::uint64_t seed, std::uint64_t index) { return mix(seed * 0x9e3779b97f4a7c15 + index); }

}  // namespace

void put_u64(std::uint8_t* to, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) to[i] = std::uint8_t(value >> (8 * i));
}

std::uint64_t get_u64(const std::uint8_t* from) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value |= std::uint64_t{from[i]} << (8 * i);
  return value;
}

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::array<std::uint8_t, header_size> encode(const request_header& header) {
  std::array<std::uint8_t, header_size> out{};
  put_u32(&out[0], header_magic);
  out[4] = std::uint8_t(header.what);
  put_u64(&out[8], header.seed);
  put_u64(&out[16], header.length);
  put_u64(&out[24], header.key);
  put_u32(&out[32], header.a);
  put_u32(&out[36], header.b);
  return out;
}

std::optional<request_header> decode_header(const_bytes data) {
  if (data.size() < header_size || get_u32(&data[0]) != header_magic) return std::nullopt;
  if (data[4] < 1 || data[4] > std::uint8_t(behaviour::report)) return std::nullopt;
  return request_header{behaviour(data[4]), get_u64(&data[8]),  get_u64(&data[16]),
                        get_u64(&data[24]), get_u32(&data[32]), get_u32(&data[36])};
}

std::array<std::uint8_t, verdict_size> encode(const verdict& seen) {
  std::array<std::uint8_t, verdict_size> out{};
  put_u64(&out[0], seen.known);
  put_u64(&out[8], seen.count);
  put_u64(&out[16], seen.hash);
  put_u64(&out[24], seen.first_bad);
  return out;
}

verdict decode_verdict(const_bytes data) {
  return {get_u64(&data[0]), get_u64(&data[8]), get_u64(&data[16]), get_u64(&data[24])};
}

std::vector<std::uint8_t> udp_message(udp_order order, std::uint64_t number, const_bytes rest) {
  std::vector<std::uint8_t> out(udp_head_size + rest.size());
  std::copy(udp_magic.begin(), udp_magic.end(), out.begin());
  out[8] = std::uint8_t(order);
  put_u64(&out[9], number);
  std::copy(rest.begin(), rest.end(), out.begin() + udp_head_size);
  return out;
}

void fill_pattern(std::uint64_t seed, std::uint64_t offset, bytes out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t skip = (offset + done) % 8;
    const std::uint64_t word = pattern_word(seed, (offset + done) / 8);
    const std::size_t size = std::min(8 - skip, out.size() - done);
    if (size == 8)
      std::memcpy(&out[done], &word, 8);
    else
      std::memcpy(&out[done], reinterpret_cast<const std::uint8_t*>(&word) + skip, size);
    done += size;
  }
}

void stream_hash::add(const_bytes data) {
  std::size_t i = 0;
  const auto take_byte = [&] {
    partial_ |= std::uint64_t{data[i++]} << (8 * (count_ % 8));
    if (++count_ % 8 == 0) {
      state_ = (state_ ^ partial_) * 0xff51afd7ed558ccd;
      state_ ^= state_ >> 29;
      partial_ = 0;
    }
  };
  while (i < data.size() && count_ % 8 != 0) take_byte();
  for (; i + 8 <= data.size(); i += 8, count_ += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, &data[i], 8);
    state_ = (state_ ^ word) * 0xff51afd7ed558ccd;
    state_ ^= state_ >> 29;
  }
  while (i < data.size()) take_byte();
}

void stream_check::add(const_bytes data) {
  static std::vector<std::uint8_t> expected(256 * 1024);
  for (std::size_t done = 0; done < data.size();) {
    const auto part = data.subspan(done, std::min(expected.size(), data.size() - done));
    const bytes want(expected.data(), part.size());
    fill_pattern(seed_, hash_.count(), want);
    if (first_bad_ == ~std::uint64_t{0} && std::memcmp(part.data(), want.data(), part.size()) != 0) {
      const auto at = std::mismatch(part.begin(), part.end(), want.begin()).first - part.begin();
      first_bad_ = hash_.count() + std::uint64_t(at);
    }
    hash_.add(part);
    done += part.size();
  }
}

verdict stream_check::result() const { return {1, hash_.count(), hash_.value(), first_bad_}; }

const_bytes pattern_source::view() {
  if (used_ == piece_.size() && offset_ < length_) {
    piece_.resize(std::size_t(std::min<std::uint64_t>(piece_size, length_ - offset_)));
    fill_pattern(seed_, offset_, piece_);
    hash_.add(piece_);
    used_ = 0;
  }
  return const_bytes(piece_).subspan(used_);
}

void pattern_source::consume(std::size_t size) {
  used_ += size;
  offset_ += size;
}

const_bytes filler() {
  static const std::vector<std::uint8_t> content = [] {
    std::vector<std::uint8_t> made(256 * 1024);
    fill_pattern(1, 0, made);
    return made;
  }();
  return content;
}

}  // namespace traffic
