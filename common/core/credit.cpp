#include "common/core/credit.hpp"

#include <algorithm>
#include <cassert>

namespace tfunnel::core {

namespace {

constexpr std::size_t largest_step = 512U << 10;

}  // namespace

ReceiveWindow::ReceiveWindow(MemoryBudget& budget)
    : budget_(budget), first_(budget.connections()), growth_(budget.growth()) {}

ReceiveWindow::ReceiveWindow(MemoryBudget& budget, std::size_t granted) : ReceiveWindow(budget) {
  outstanding_ = granted;
  const auto wanted = std::max(granted, budget_.initial_credit());
  counted_ = true;
  budget_.connection_opened();
  if (first_.resize(wanted) || first_.resize(granted)) window_ = first_.size();
}

ReceiveWindow::~ReceiveWindow() {
  if (counted_) budget_.connection_closed();
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
  if (over_) {
    fit_reserves();
    return 0;
  }
  drained_since_stall_ += bytes;
  drained_since_shrinking_ += bytes;
  grow();
  // Granting in halves keeps the number of Credit frames small. Half of a large window would be missed on a long line,
  // though, where the window is what the line holds; a Credit frame for a large step costs nothing that can be seen.
  const auto promised = outstanding_ + held_;
  const auto grant = window_ - std::min(window_, promised);
  if (grant < std::min(window_ - window_ / 2, largest_step)) return 0;
  outstanding_ += grant;
  return grant;
}

// Bytes beyond the destination's speed only wait here, and cost a copy and memory.
void ReceiveWindow::stalled() {
  drained_since_stall_ = 0;
  if (drained_since_shrinking_ < window_ || window_ <= MemoryBudget::least_shrunk_window) return;
  window_ = std::max(window_ / 2, MemoryBudget::least_shrunk_window);
  drained_since_shrinking_ = 0;
}

void ReceiveWindow::finished() {
  over_ = true;
  outstanding_ = 0;
  fit_reserves();
}

void ReceiveWindow::abandoned() {
  over_ = true;
  held_ = 0;
  first_.clear();
  growth_.clear();
}

// A flow that drained a whole window without ever waiting for its socket is held back by its window,
// or would soon be: it gets a larger one. Others' needs make a large one smaller again.
void ReceiveWindow::grow() {
  const auto limit = std::max(budget_.window_limit(), first_.size());
  if (drained_since_stall_ >= window_ && window_ < limit) {
    widen(limit);
  } else if (window_ > limit && window_ > MemoryBudget::max_initial_credit) {
    window_ = std::max(limit, MemoryBudget::max_initial_credit);
  }
  fit_reserves();
  const bool large = window_ > MemoryBudget::max_initial_credit;
  if (large != large_) budget_.large_window(large);
  large_ = large;
}

/// Takes a quarter of the rest at most, so that a few flows cannot use it up; less than an eighth of the window is
/// not worth a grant.
void ReceiveWindow::widen(std::size_t limit) {
  const std::size_t factor = window_ < MemoryBudget::max_initial_credit ? 4 : 2;
  const auto wanted = std::min(window_ * factor, limit) - window_;
  const auto more = std::min(wanted, budget_.growth().free() / 4);
  if (more == 0 || more < std::min(window_ / 8, wanted) || !growth_.resize(growth_.size() + more)) return;
  window_ += more;
  drained_since_stall_ = 0;
}

/// Gives back memory that a window which became smaller does not need any more.
void ReceiveWindow::fit_reserves() {
  const auto promised = outstanding_ + held_;
  const auto needed = over_ ? promised : std::max(window_, promised);
  if (first_.size() + growth_.size() <= needed) return;
  const auto first = std::min(first_.size(), needed);
  growth_.shrink(needed - first);
  if (over_) first_.shrink(first);
}

}  // namespace tfunnel::core
