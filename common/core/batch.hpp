// Frames gathered for one write to the link.
#pragma once

#include <boost/system/result.hpp>

#include <utility>
#include <vector>

#include "common/core/wire.hpp"

namespace tfunnel::core {

/// Where payload waits that is to be sent without ever having been in this process: a pipe before the link.
class PayloadStage {
 public:
  PayloadStage() = default;
  PayloadStage(const PayloadStage&) = delete;
  PayloadStage& operator=(const PayloadStage&) = delete;
  virtual ~PayloadStage() = default;
  /// Moves up to `most` bytes there from `descriptor`. Errors: would_block; eof; the system's.
  virtual boost::system::result<std::size_t> take(int descriptor, std::size_t most) = 0;
};

/// A fixed buffer that frames are put into in order, and written out of with one writev. Payload is
/// received straight into its place behind room for a header, so it is never moved.
///
/// The batch is the only thing between the flows and the link: when it is full nothing more is read
/// from any application.
class Batch {
 public:
  /// Frames and control bytes may use up to `capacity` bytes. `stage` must outlive it; null: nothing can be moved.
  explicit Batch(PayloadStage* stage = nullptr, std::size_t capacity = 256U << 10);

  /// Room for up to `wanted` payload bytes of a Data frame; empty if the batch is full.
  /// The room is void after any other call than commit_data().
  std::span<std::uint8_t> data_room(std::size_t wanted);
  /// The first `size` bytes of the room are the payload of a Data frame. REQUIRES: size > 0.
  void commit_data(FlowId flow, std::size_t size);

  /// Payload may be moved instead.
  [[nodiscard]] bool moves() const { return stage_ != nullptr; }
  /// A Data frame with up to `most` bytes from `descriptor`, which wait on the stage and are written after all else:
  /// the batch is full from here. Its length is promised only when the bytes are there. Returns how many they are.
  /// Errors: the stage's; then there is no frame. REQUIRES: moves(), header_fits().
  boost::system::result<std::size_t> move_data(FlowId flow, int descriptor, std::size_t most);
  [[nodiscard]] bool header_fits() const {
    return staged_ == 0 && room() >= max_data_header && pieces_.size() < max_pieces;
  }

  /// False: no room now, nothing was added. A datagram that the far end would refuse is left out, as if it were sent.
  bool add_datagram(FlowId flow, const Endpoint& peer, ByteView payload);
  /// The far end accepts datagrams of up to `bytes`.
  void limit_datagrams(std::size_t bytes) { datagram_limit_ = bytes; }
  /// How many were left out since the last call.
  std::size_t take_left_out() { return std::exchange(left_out_, 0); }
  bool add_control(const wire::Frame& frame);
  bool add_raw(ByteView bytes);

  /// The bytes still to be written, in order.
  [[nodiscard]] std::span<const ByteView> pieces() const;
  /// `count` bytes of the pieces were written.
  void consume(std::size_t count);
  /// Payload that waits elsewhere, to be written behind the pieces.
  [[nodiscard]] std::size_t staged() const { return staged_; }
  void consume_staged(std::size_t count);

  [[nodiscard]] std::size_t size() const { return size_ + staged_; }
  [[nodiscard]] bool empty() const { return size() == 0; }

 private:
  // One piece each; stays below what one writev takes (IOV_MAX is at least 1,024 on Linux, 16 by POSIX:
  // the channel writes what fits and comes again).
  static constexpr std::size_t max_pieces = 512;

  [[nodiscard]] std::size_t room() const { return buffer_.size() - used_; }
  void append_piece(std::size_t at, std::size_t length);

  PayloadStage* stage_;
  std::vector<std::uint8_t> buffer_;
  std::size_t used_ = 0;
  std::size_t size_ = 0;  // of the pieces
  std::size_t staged_ = 0;
  std::size_t datagram_limit_ = max_datagram_payload;
  std::size_t left_out_ = 0;
  std::vector<ByteView> pieces_;
  std::size_t first_piece_ = 0;
  std::vector<std::uint8_t> scratch_;
};

}  // namespace tfunnel::core
