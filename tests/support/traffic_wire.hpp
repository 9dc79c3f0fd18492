// The talk of the traffic client and server, and how they check each other's bytes.
#pragma once

#include "traffic_net.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace traffic {

// The server's behaviour on a TCP connection; the first thing a client sends is a header naming it.
enum class behaviour : std::uint8_t {
  read_first = 1,    // read to EOF, then send `length` seeded bytes and a verdict, then close
  write_first,       // send `length` seeded bytes and FIN, only then read to EOF; keep a report
  duplex,            // both at once; the verdict is the last thing sent
  collect,           // read to EOF, keep a report, close without a word
  send_and_close,    // send `length` seeded bytes and close at once, reading nothing
  echo,              // send back what comes until EOF
  discard,           // read to EOF, then tell how many bytes came
  source,            // send `length` bytes of filler (0 = without end)
  request_response,  // `a` bytes in, `b` bytes out; `length` times, then close (0 = until EOF)
  close_at_once,     // close after the header
  reset_after,       // send `b` filler bytes, read `length` bytes, then RST
  never_read,        // hold the connection and leave everything in the socket
  report,            // 8-byte keys in, a verdict each out
};

struct request_header {
  behaviour what = behaviour::echo;
  std::uint64_t seed = 0;    // of what the server sends; the client's bytes use seed + 1
  std::uint64_t length = 0;  // of what the server sends
  std::uint64_t key = 0;     // under which a report is kept
  std::uint32_t a = 0;
  std::uint32_t b = 0;
};

inline constexpr std::size_t header_size = 40;
std::array<std::uint8_t, header_size> encode(const request_header& header);
std::optional<request_header> decode_header(const_bytes data);

// One side's view of the other's stream.
struct verdict {
  std::uint64_t known = 0;  // 0: no such flow (yet)
  std::uint64_t count = 0;
  std::uint64_t hash = 0;
  std::uint64_t first_bad = ~std::uint64_t{0};  // offset of the first wrong byte
};

inline constexpr std::size_t verdict_size = 32;
std::array<std::uint8_t, verdict_size> encode(const verdict& seen);
verdict decode_verdict(const_bytes data);

// UDP: a datagram that starts with the magic is an order, everything else is echoed.
inline constexpr std::array<std::uint8_t, 8> udp_magic{'T', 'F', 'u', 'd', 'p', 0, 1, 0xfe};
enum class udp_order : std::uint8_t {
  reply_times = 1,  // number = how often to send the rest back
  reply_from,       // rest = "ADDRESS PORT" to answer from; stays open and echoes from then on
  count,            // no reply, counted under number
  query,            // reply: the magic, count, bytes for number
};
inline constexpr std::size_t udp_head_size = 8 + 1 + 8;
std::vector<std::uint8_t> udp_message(udp_order order, std::uint64_t number, const_bytes rest = {});

void put_u64(std::uint8_t* to, std::uint64_t value);
std::uint64_t get_u64(const std::uint8_t* from);
std::uint64_t mix(std::uint64_t value);

// Seeded bytes that can be computed at any offset, so a receiver names the first wrong one.
void fill_pattern(std::uint64_t seed, std::uint64_t offset, bytes out);

class stream_hash {
 public:
  void add(const_bytes data);
  [[nodiscard]] std::uint64_t value() const { return mix(state_ ^ partial_ ^ count_); }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::uint64_t state_ = 0x9e3779b97f4a7c15;
  std::uint64_t partial_ = 0;
  std::uint64_t count_ = 0;
};

// Compares a stream with its pattern while hashing it.
class stream_check {
 public:
  explicit stream_check(std::uint64_t seed) : seed_(seed) {}
  void add(const_bytes data);
  [[nodiscard]] verdict result() const;
  [[nodiscard]] std::uint64_t count() const { return hash_.count(); }

 private:
  std::uint64_t seed_;
  stream_hash hash_;
  std::uint64_t first_bad_ = ~std::uint64_t{0};
};

// Produces `length` seeded bytes piece by piece.
class pattern_source {
 public:
  pattern_source(std::uint64_t seed, std::uint64_t length) : seed_(seed), length_(length) {}
  const_bytes view();
  void consume(std::size_t size);
  [[nodiscard]] bool finished() const { return offset_ == length_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_.value(); }
  [[nodiscard]] std::uint64_t length() const { return length_; }
  [[nodiscard]] std::uint64_t sent() const { return offset_; }

 private:
  std::uint64_t seed_;
  std::uint64_t length_;
  std::uint64_t offset_ = 0;
  std::vector<std::uint8_t> piece_;
  std::size_t used_ = 0;
  stream_hash hash_;
};

// 256 KiB of bytes for flows whose content nobody checks.
const_bytes filler();

}  // namespace traffic
