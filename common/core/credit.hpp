// How much may be sent, and how much memory that promises.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tfunnel::core {

/// The memory that one process may spend on data which waits for a slow socket or for the link
/// (--buffer_size). Windows are promises against it: a promise is cheap while nobody stalls, so
/// promises may exceed the cap; what is really buffered may not.
class MemoryBudget {
 public:
  static constexpr std::size_t max_initial_credit = 64U << 10;
  static constexpr std::size_t min_initial_credit = 4U << 10;
  static constexpr std::size_t max_window = 16U << 20;
  /// A slow destination does not make a window smaller than this: what can wait in a pipe.
  static constexpr std::size_t least_shrunk_window = 1U << 20;

  explicit MemoryBudget(std::size_t cap) : cap_(cap) {}

  /// The credit for a new flow: shrinks with the number of flows, so that the windows of 10,000
  /// flows that all stall still fit into the default cap.
  [[nodiscard]] std::size_t initial_credit() const;
  /// How large a window may become now. Half of what is free is shared by the flows with large
  /// windows, so a few of them can stall at once without exceeding the cap.
  [[nodiscard]] std::size_t window_limit() const;
  /// True if `more` bytes can be buffered.
  [[nodiscard]] bool fits(std::size_t more) const { return buffered_ + more <= cap_; }

  void flow_opened() { ++flows_; }
  void flow_closed() { --flows_; }
  void large_window(bool added) { large_ += added ? 1 : -1; }
  void buffer(std::size_t bytes) { buffered_ += bytes; }
  void release(std::size_t bytes);

  [[nodiscard]] std::size_t buffered() const { return buffered_; }
  [[nodiscard]] std::size_t cap() const { return cap_; }

 private:
  std::size_t cap_;
  std::size_t buffered_ = 0;
  std::size_t flows_ = 0;
  std::ptrdiff_t large_ = 0;
};

/// The receiver's side of a flow's credit.
class ReceiveWindow {
 public:
  /// `granted` is what the far end may send already; the window is at least the budget's initial
  /// credit, so drained(0) may grant more at once.
  ReceiveWindow(MemoryBudget& budget, std::size_t granted);
  ~ReceiveWindow();
  ReceiveWindow(const ReceiveWindow&) = delete;
  ReceiveWindow& operator=(const ReceiveWindow&) = delete;

  /// Bytes arrived. False: more than was granted.
  [[nodiscard]] bool received(std::size_t bytes);
  /// Bytes reached the socket. Returns what to grant now, often 0.
  std::size_t drained(std::size_t bytes);
  /// The destination could not take what arrived: a window that overfills a buffer need not grow, and
  /// a large one shrinks, at most once for each window that is drained.
  void stalled();

  [[nodiscard]] std::size_t window() const { return window_; }

 private:
  void grow();

  MemoryBudget& budget_;
  std::size_t window_;       // what we want granted and not yet drained, at most
  std::size_t outstanding_;  // granted and not yet arrived
  std::size_t held_ = 0;     // arrived and not yet drained
  std::size_t drained_since_stall_ = 0;
  std::size_t drained_since_shrinking_ = 0;
  bool large_ = false;
};

}  // namespace tfunnel::core
