// How much a flow's far end may send.
#pragma once

#include "common/core/memory_budget.hpp"

namespace tfunnel::core {

/// The receiver's side of a connection's credit. Its memory is reserved before anything is granted: the bytes that
/// the far end may send, and those that have arrived and not been drained, are never more than that.
class ReceiveWindow {
 public:
  /// Of a flow that has no credit (UDP).
  explicit ReceiveWindow(MemoryBudget& budget);
  /// `granted` bytes may be sent by the far end already; the window is at least the budget's initial credit, so
  /// drained(0) may grant more at once. See backed().
  ReceiveWindow(MemoryBudget& budget, std::size_t granted);
  ~ReceiveWindow();
  ReceiveWindow(const ReceiveWindow&) = delete;
  ReceiveWindow& operator=(const ReceiveWindow&) = delete;

  /// False: there was no memory for the granted bytes. The flow must be refused, and nothing that arrives be kept.
  [[nodiscard]] bool backed() const { return window_ > 0; }

  /// Bytes arrived. False: more than was granted.
  [[nodiscard]] bool received(std::size_t bytes);
  /// Bytes reached the socket. Returns the number to grant now, often 0.
  std::size_t drained(std::size_t bytes);
  /// The destination could not take the arriving bytes: a window that overfills a buffer need not grow, and
  /// a large one shrinks, at most once for each window that is drained.
  void stalled();
  /// The far end sends no more: only bytes that wait to be drained need memory.
  void finished();
  /// The flow was broken off: bytes that still arrive are not kept, and earlier ones are no concern of this window.
  void abandoned();

  [[nodiscard]] std::size_t window() const { return window_; }

 private:
  void grow();
  void widen(std::size_t limit);
  void fit_reserves();

  MemoryBudget& budget_;
  Charge first_;                 // at most the first window
  Charge growth_;                // the rest of the window
  std::size_t window_ = 0;       // what we want granted and not yet drained, at most
  std::size_t outstanding_ = 0;  // granted and not yet arrived
  std::size_t held_ = 0;         // arrived and not yet drained
  std::size_t drained_since_stall_ = 0;
  std::size_t drained_since_shrinking_ = 0;
  bool counted_ = false;
  bool large_ = false;
  bool over_ = false;
};

}  // namespace tfunnel::core
