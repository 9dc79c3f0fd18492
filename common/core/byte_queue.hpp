// Bytes on their way to a socket that could not take them at once.
#pragma once

#include <vector>

#include "common/core/wire.hpp"

namespace tfunnel::core {

/// A first-in first-out queue in blocks, so that growing never moves bytes and draining gives memory
/// back. An empty queue owns no memory: most flows never need one.
class ByteQueue {
 public:
  void append(ByteView bytes);
  /// The longest contiguous run at the front; empty only if the queue is.
  [[nodiscard]] ByteView front() const;
  /// The contiguous run that starts `position` bytes behind the front; empty only if nothing stands there.
  [[nodiscard]] ByteView peek(std::size_t position) const;
  /// REQUIRES: count <= front().size().
  void consume(std::size_t count);
  void clear();

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  using Block = std::vector<std::uint8_t>;
  static constexpr std::size_t least_block = 256;
  static constexpr std::size_t most_block = 16U << 10;

  // blocks_[0, head_) are spent; consumed_ bytes of blocks_[head_] are gone.
  std::vector<Block> blocks_;
  std::size_t head_ = 0;
  std::size_t consumed_ = 0;
  std::size_t size_ = 0;
};

}  // namespace tfunnel::core
