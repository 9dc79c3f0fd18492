#include "common/core/byte_queue.hpp"

#include <algorithm>
#include <cassert>

namespace tfunnel::core {

void ByteQueue::append(ByteView bytes) {
  size_ += bytes.size();
  if (!blocks_.empty()) {
    auto& last = blocks_.back();
    const auto room = std::min(last.capacity() - last.size(), bytes.size());
    last.insert(last.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(room));
    bytes = bytes.subspan(room);
  }
  if (bytes.empty()) return;
  auto& block = blocks_.emplace_back();
  // Room to grow in proportion: thousands of queues with a few bytes each must not cost a block each.
  block.reserve(std::max(bytes.size(), std::clamp(size_ / 4, least_block, most_block)));
  block.assign(bytes.begin(), bytes.end());
}

ByteView ByteQueue::front() const {
  if (empty()) return {};
  return ByteView(blocks_[head_]).subspan(consumed_);
}

ByteView ByteQueue::peek(std::size_t position) const {
  position += consumed_;
  for (std::size_t i = head_; i < blocks_.size(); ++i) {
    if (position < blocks_[i].size()) return ByteView(blocks_[i]).subspan(position);
    position -= blocks_[i].size();
  }
  return {};
}

void ByteQueue::consume(std::size_t count) {
  assert(count <= front().size());
  size_ -= count;
  consumed_ += count;
  if (size_ == 0) return clear();
  if (consumed_ < blocks_[head_].size()) return;
  Block().swap(blocks_[head_++]);
  consumed_ = 0;
  // Spent entries are dropped in bulk, which keeps consume() constant on average.
  if (head_ < 64) return;
  blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

void ByteQueue::clear() {
  std::vector<Block>().swap(blocks_);
  head_ = consumed_ = size_ = 0;
}

}  // namespace tfunnel::core
