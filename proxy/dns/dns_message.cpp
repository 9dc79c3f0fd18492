#include "proxy/dns/dns_message.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace tfunnel::proxy::dns {

namespace {

// Byte 2 and 3 of the header: QR Opcode AA TC RD, and RA Z AD CD RCODE.
constexpr std::uint8_t response_bit = 0x80;
constexpr std::uint8_t opcode_bits = 0x78;
constexpr std::uint8_t truncated_bit = 0x02;
constexpr std::uint8_t recursion_available_bit = 0x80;
constexpr std::uint8_t rcode_bits = 0x0f;

constexpr std::uint16_t opt_record = 41;
/// The size that we say we take: no fragments on any usual path (DNS flag day 2020).
constexpr std::uint16_t our_udp_size = 1232;

/// Where the name at `at` ends; a compression pointer ends it (RFC 1035, 4.1.4). Nothing if it leaves the message.
std::optional<std::size_t> name_end(core::ByteView message, std::size_t at) {
  while (at < message.size()) {
    const auto length = message[at];
    if (length == 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= message.size() ? std::optional(at + 2) : std::nullopt;
    if (length > 63) return std::nullopt;
    at += 1U + length;
  }
  return std::nullopt;
}

/// Where the question section ends; nothing if it leaves the message.
std::optional<std::size_t> question_end(core::ByteView message) {
  std::size_t at = header_size;
  for (int count = u16_at(message, 4); count > 0; --count) {
    const auto end = name_end(message, at);
    if (!end || *end + 4 > message.size()) return std::nullopt;
    at = *end + 4;
  }
  return at;
}

/// Where the EDNS record's fixed part (type, class, ...) starts, if the message has one.
std::optional<std::size_t> find_opt(core::ByteView message) {
  auto at = question_end(message);
  for (int left = u16_at(message, 6) + u16_at(message, 8) + u16_at(message, 10); at && left > 0; --left) {
    const auto fixed = name_end(message, *at);
    if (!fixed || *fixed + 10 > message.size()) return std::nullopt;
    if (u16_at(message, *fixed) == opt_record) return fixed;
    at = *fixed + 10 + u16_at(message, *fixed + 8);
  }
  return std::nullopt;
}

/// Header and question alone, all counts but the question's 0. REQUIRES: question_end(message).
Message head_of(core::ByteView message) {
  const auto end = *question_end(message);
  Message head(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(end));
  std::fill(head.begin() + 6, head.begin() + static_cast<std::ptrdiff_t>(header_size), std::uint8_t{0});
  return head;
}

/// A message with EDNS wants an answer with it (RFC 6891, 6.1.1).
void append_opt(Message& message) {
  const std::array<std::uint8_t, 11> opt{0, 0, opt_record, our_udp_size >> 8, our_udp_size & 0xff, 0, 0, 0, 0, 0, 0};
  message.insert(message.end(), opt.begin(), opt.end());
  message[11] = 1;
}

std::uint8_t lower(std::uint8_t c) { return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c | 0x20) : c; }

}  // namespace

std::uint16_t u16_at(core::ByteView message, std::size_t at) {
  return static_cast<std::uint16_t>(message[at] << 8 | message[at + 1]);
}

bool is_query(core::ByteView message) {
  return message.size() >= header_size && message.size() <= max_message && (message[2] & response_bit) == 0 &&
         question_end(message).has_value();
}

bool answers(core::ByteView message, core::ByteView query) {
  if (message.size() < header_size || (message[2] & response_bit) == 0 || id_of(message) != id_of(query)) return false;
  if ((message[2] & opcode_bits) != (query[2] & opcode_bits)) return false;
  const auto end = question_end(message);
  if (!end) return false;
  if (u16_at(message, 4) == 0 && rcode_of(message) != Rcode::no_error) return true;
  const auto asked = query.subspan(header_size, *question_end(query) - header_size);
  return u16_at(message, 4) == u16_at(query, 4) &&
         std::ranges::equal(message.subspan(header_size, *end - header_size), asked, {}, lower, lower);
}

std::optional<Question> only_question(core::ByteView message) {
  if (message.size() < header_size || u16_at(message, 4) != 1) return std::nullopt;
  const auto end = question_end(message);
  if (!end) return std::nullopt;
  return Question{u16_at(message, *end - 4), u16_at(message, *end - 2)};
}

Message question_of(core::ByteView query) {
  const auto part = query.first(*question_end(query));
  return {part.begin(), part.end()};
}

std::uint16_t id_of(core::ByteView message) { return u16_at(message, 0); }

void set_id(Message& message, std::uint16_t id) {
  message[0] = static_cast<std::uint8_t>(id >> 8);
  message[1] = static_cast<std::uint8_t>(id & 0xff);
}

Rcode rcode_of(core::ByteView message) { return static_cast<Rcode>(message[3] & rcode_bits); }

bool is_truncated(core::ByteView message) { return (message[2] & truncated_bit) != 0; }

std::size_t udp_limit(core::ByteView query) {
  const auto opt = query.size() >= header_size ? find_opt(query) : std::nullopt;
  return opt ? std::max<std::size_t>(u16_at(query, *opt + 2), least_udp_limit) : least_udp_limit;
}

Message truncated(core::ByteView answer, core::ByteView query) {
  auto message = question_end(answer) ? head_of(answer) : head_of(query);
  message[2] |= response_bit | truncated_bit;
  if (find_opt(query)) append_opt(message);
  return message;
}

Message failure(core::ByteView query, Rcode rcode) {
  auto message = head_of(query);
  message[2] = static_cast<std::uint8_t>(response_bit | (query[2] & (opcode_bits | recursion_desired_bit)));
  message[3] = static_cast<std::uint8_t>(recursion_available_bit | static_cast<std::uint8_t>(rcode));
  if (find_opt(query)) append_opt(message);
  return message;
}

Message framed(core::ByteView message) {
  assert(message.size() <= max_message);
  Message bytes(2 + message.size());
  bytes[0] = static_cast<std::uint8_t>(message.size() >> 8);
  bytes[1] = static_cast<std::uint8_t>(message.size() & 0xff);
  std::ranges::copy(message, bytes.begin() + 2);
  return bytes;
}

}  // namespace tfunnel::proxy::dns
