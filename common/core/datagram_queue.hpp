// Datagrams on their way to the link.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "common/core/credit.hpp"
#include "common/core/wire.hpp"

namespace tfunnel::core {

using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// A queue that forgets: a datagram that waited too long is worth less than the delay it causes to
/// those behind it, so the oldest go first. Counts what it drops.
class DatagramQueue {
 public:
  /// Old enough to be dropped: above the jitter that real-time programs tolerate anyway.
  static constexpr Duration max_age = std::chrono::milliseconds(150);
  static constexpr std::size_t max_bytes = 2U << 20;

  explicit DatagramQueue(MemoryBudget& budget) : budget_(budget) {}
  ~DatagramQueue();
  DatagramQueue(const DatagramQueue&) = delete;
  DatagramQueue& operator=(const DatagramQueue&) = delete;

  /// Forgets all, without counting it as dropped; from then on the budget may go away.
  void clear();
  void push(Time now, const Endpoint& peer, ByteView payload);

  struct Entry {
    Time arrived;
    Endpoint peer;
    std::vector<std::uint8_t> payload;
  };
  /// The oldest datagram that is still young enough, or null.
  Entry* front(Time now);
  /// REQUIRES: front() gave an entry.
  void pop();

  [[nodiscard]] std::size_t size() const { return entries_ ? entries_->size() : 0; }
  [[nodiscard]] bool empty() const { return !entries_ || entries_->empty(); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  void remove_front();
  void drop();

  MemoryBudget& budget_;
  // Made on first use: an idle flow should not pay for a deque.
  std::unique_ptr<std::deque<Entry>> entries_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace tfunnel::core
