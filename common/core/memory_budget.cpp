#include "common/core/memory_budget.hpp"

#include <algorithm>

namespace tfunnel::core {

MemoryBudget::MemoryBudget(std::size_t cap)
    : cap_(cap),
      datagrams_(cap / 4),
      services_(datagrams_.cap() / 2, &datagrams_),
      connections_(cap - datagrams_.cap()),
      growth_(connections_.cap() - connections_.cap() / 4, &connections_) {}

// With the default size 65,536 connections get one. The share of what is left keeps room for others when large windows
// have taken the rest.
std::size_t MemoryBudget::initial_credit() const {
  const auto left = connections_.free();
  const auto share = std::min(connections_.cap() / (16 * (connection_count_ + 1)), left / 128);
  const auto credit = std::clamp(share, min_initial_credit, max_initial_credit);
  return credit <= left ? credit : 0;
}

std::size_t MemoryBudget::window_limit() const {
  const auto sharers = static_cast<std::size_t>(std::max<std::ptrdiff_t>(large_, 4));
  return std::clamp(growth_.cap() / sharers, min_initial_credit, max_window);
}

}  // namespace tfunnel::core
