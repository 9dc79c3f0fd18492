// The memory that one process may spend on data that waits, and on all else that its peers make it keep
// (--buffer-size).
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/core/datagram_pool.hpp"
#include "common/core/memory_part.hpp"

namespace tfunnel::core {

/// Connections and datagrams have separate parts, so that neither can take the other's.
///
/// Credit that was granted cannot be taken back, and data that was sent for it must be kept: so credit is granted only
/// if there is memory for it, and no connection is ever broken off for what others hold. A quarter of the connections'
/// part is never used for large windows, but left to new connections.
class MemoryBudget {
 public:
  static constexpr std::size_t max_initial_credit = 64U << 10;
  static constexpr std::size_t min_initial_credit = 512;
  static constexpr std::size_t max_window = 16U << 20;
  /// A slow destination does not make a window smaller than this: the bytes that can wait in a pipe.
  static constexpr std::size_t least_shrunk_window = 1U << 20;

  explicit MemoryBudget(std::size_t cap);
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  /// The first credit of a new connection, for which there is room now; 0: there is none. It shrinks with the number of
  /// connections, so that those of 10,000 that all stall fit into the default size, and with the memory that is left.
  [[nodiscard]] std::size_t initial_credit() const;
  /// How large a window may become now: a fair share of what large windows may use together.
  [[nodiscard]] std::size_t window_limit() const;

  void connection_opened() { ++connection_count_; }
  void connection_closed() { --connection_count_; }
  void large_window(bool added) { large_ += added ? 1 : -1; }

  /// Memory for connections: first windows, and the cost of setting them up.
  [[nodiscard]] MemoryPart& connections() { return connections_; }
  /// Of that, the growth of windows.
  [[nodiscard]] MemoryPart& growth() { return growth_; }
  /// Datagrams that wait.
  [[nodiscard]] DatagramPool& datagrams() { return datagrams_; }
  /// Of that, the part that cannot give way: questions that wait for a nameserver, associations that are made.
  [[nodiscard]] MemoryPart& services() { return services_; }

  [[nodiscard]] std::size_t cap() const { return cap_; }
  [[nodiscard]] std::size_t used() const { return connections_.used() + datagrams_.used(); }

 private:
  std::size_t cap_;
  DatagramPool datagrams_;
  MemoryPart services_;
  MemoryPart connections_;
  MemoryPart growth_;
  std::size_t connection_count_ = 0;
  std::ptrdiff_t large_ = 0;
};

}  // namespace tfunnel::core
