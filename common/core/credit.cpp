#include "common/core/credit.hpp"

#include <algorithm>
#include <cassert>

namespace tfunnel::core {

std::size_t MemoryBudget::initial_credit() const {
  const auto share = cap_ / (8 * (flows_ + 1));
  return std::clamp(share, min_initial_credit, max_initial_credit);
}

std::size_t MemoryBudget::window_limit() const {
  const auto free = cap_ - std::min(cap_, buffered_);
  const auto sharers = static_cast<std::size_t>(std::max<std::ptrdiff_t>(large_, 4));
  return std::clamp(free / (2 * sharers), min_initial_credit, max_window);
}

void MemoryBudget::release(std::size_t bytes) {
  assert(bytes <= buffered_);
  buffered_ -= bytes;
}

ReceiveWindow::ReceiveWindow(MemoryBudget& budget, std::size_t granted)
    : budget_(budget), window_(std::max(granted, budget.initial_credit())), outstanding_(granted) {
  budget_.flow_opened();
}

ReceiveWindow::~ReceiveWindow() {
  budget_.flow_closed();
  if (large_) budget_.large_window(false);
}

bool ReceiveWindow::received(std::size_t bytes) {
  if (bytes > outstanding_) return false;
  outstanding_ -= bytes;
  held_ += bytes;
  return true;
}

std::size_t ReceiveWindow::drained(std::size_t bytes) {
  assert(bytes <= held_);
  held_ -= bytes;
  drained_since_stall_ += bytes;
  drained_since_shrinking_ += bytes;
  grow();
  // Granting in halves keeps the number of Credit frames small.
  const auto promised = outstanding_ + held_;
  if (promised > window_ / 2) return 0;
  const auto grant = window_ - promised;
  outstanding_ += grant;
  return grant;
}

// What exceeds the destination's speed only waits here, and costs a copy and memory.
void ReceiveWindow::stalled() {
  drained_since_stall_ = 0;
  if (drained_since_shrinking_ < window_ || window_ <= MemoryBudget::least_shrunk_window) return;
  window_ = std::max(window_ / 2, MemoryBudget::least_shrunk_window);
  drained_since_shrinking_ = 0;
}

// A flow that drained a whole window without ever waiting for its socket is held back by its window,
// or would soon be: double it.
void ReceiveWindow::grow() {
  const auto limit = std::max(budget_.window_limit(), MemoryBudget::min_initial_credit);
  if (drained_since_stall_ >= window_ && window_ < limit) {
    window_ = std::min(window_ * 2, limit);
    drained_since_stall_ = 0;
  } else if (window_ > limit && window_ > MemoryBudget::max_initial_credit) {
    window_ = std::max(limit, MemoryBudget::max_initial_credit);
  }
  const bool large = window_ > MemoryBudget::max_initial_credit;
  if (large != large_) budget_.large_window(large);
  large_ = large;
}

}  // namespace tfunnel::core
