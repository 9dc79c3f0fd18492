// Datagrams that wait for their turn.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "common/core/address.hpp"
#include "common/core/bytes.hpp"
#include "common/core/datagram_pool.hpp"
#include "common/core/time.hpp"

namespace tfunnel::core {

/// A queue that forgets: a datagram that waited too long is worth less than the delay it causes to
/// those behind it, so the oldest go first. Counts what it drops.
class DatagramQueue final : DatagramPool::Member {
 public:
  /// Old enough to be dropped on its way to the link: above the jitter that real-time programs tolerate anyway.
  static constexpr Duration max_age = std::chrono::milliseconds(150);
  /// The same where a frame takes `frame_time` on the link: waiting for a few of them is nobody's flood there, and no
  /// datagram would get through beside an upload if that made it old.
  static Duration age_limit(Duration frame_time);
  static constexpr std::size_t max_bytes = 2U << 20;

  /// `dropped` counts what is dropped, for whatever reason. Both are used as long as something waits.
  DatagramQueue(DatagramPool& pool, std::uint64_t& dropped) : pool_(pool), dropped_(dropped) {}
  ~DatagramQueue() { clear(); }

  /// Forgets all, without counting it as dropped; from then on pool and counter may go away.
  void clear();
  void push(Time now, const Endpoint& peer, ByteView payload);

  struct Entry {
    Time arrived;
    Endpoint peer;
    std::vector<std::uint8_t> payload;
  };
  /// The oldest datagram that is not older than `limit`, or null. It is valid until the next push() to any queue.
  Entry* front(Time now, Duration limit = max_age);
  /// REQUIRES: front() gave an entry.
  void pop();

  [[nodiscard]] std::size_t size() const { return entries_ ? entries_->size() : 0; }
  [[nodiscard]] bool empty() const { return !entries_ || entries_->empty(); }

 private:
  void give_way() override { drop(); }
  void remove_front();
  void drop();
  bool take(std::size_t bytes);
  void give_back(std::size_t bytes);

  DatagramPool& pool_;
  std::uint64_t& dropped_;
  // Made on first use: an idle flow should not pay for a deque.
  std::unique_ptr<std::deque<Entry>> entries_;
  std::size_t bytes_ = 0;
};

}  // namespace tfunnel::core
