// Datagrams gathered for few system calls.
#pragma once

#include <functional>
#include <vector>

#include "common/core/wire.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::io {

/// Holds copies of datagrams for one socket until flush(). Where the system can, a run of equal ones to
/// one peer goes out as one large one that is cut at the last moment (udp(7): UDP_SEGMENT), and
/// everything else in one call.
class DatagramWriter {
 public:
  /// `may_segment`: the socket is a UDP socket, and not a raw one.
  explicit DatagramWriter(bool may_segment) : may_segment_(may_segment) {}

  /// False: flush() first. REQUIRES: payload.size() <= 65,535.
  bool add(const udp::endpoint& to, core::ByteView payload);
  [[nodiscard]] bool empty() const { return entries_.empty(); }

  /// Why a datagram was not sent. Errors: as sendto(2); would_block when the socket's buffer is full.
  using Failed = std::function<void(const udp::endpoint& to, core::ByteView payload, error_code error)>;
  /// Sends all to `socket` in order; the batch is empty afterwards. `failed` must not add().
  void flush(int socket, const Failed& failed);
  /// Forgets everything.
  void clear();

 private:
  struct Entry {
    udp::endpoint to;
    std::size_t at;
    std::size_t size;
  };
  static constexpr std::size_t most_bytes = 128U << 10;
  static constexpr std::size_t most_entries = 128;

  [[nodiscard]] core::ByteView payload(const Entry& entry) const {
    return core::ByteView(bytes_).subspan(entry.at, entry.size);
  }
  struct Group;
  void learn_of_segments(int socket);
  [[nodiscard]] bool joins(const Group& group, const Entry& entry) const;
  [[nodiscard]] std::vector<Group> grouped() const;
  void send_alone(int socket, const Entry& entry, const Failed& failed) const;

  bool may_segment_;
  [[maybe_unused]] bool asked_system_ = false;  // not where one datagram is one call
  std::vector<std::uint8_t> bytes_;
  std::vector<Entry> entries_;
};

}  // namespace tfunnel::io
