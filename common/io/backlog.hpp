// What a socket could not take yet.
#pragma once

#include <memory>

#include "common/core/byte_queue.hpp"
#include "common/core/credit.hpp"
#include "common/io/data_path.hpp"

namespace tfunnel::io {

/// Bytes on their way to a slow socket, oldest first: in a pipe of their own, where the system can move
/// them there without a copy, and behind that in memory. What is held counts as buffered in the budget.
/// An empty backlog owns neither pipe nor memory.
class Backlog {
 public:
  /// `budget` must outlive it; `path` (null: always memory) too.
  Backlog(core::MemoryBudget& budget, DataPath* path) : budget_(budget), path_(path) {}
  ~Backlog() { clear(); }
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  [[nodiscard]] std::size_t size() const { return moved_ + queue_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// What is held in memory: the contiguous run that starts at `position`, or nothing.
  [[nodiscard]] core::ByteView peek(std::size_t position) const { return queue_.peek(position); }

  /// REQUIRES: the budget has room.
  void append(core::ByteView bytes);
  /// A descriptor that bytes may be moved into behind all others, or -1: there is none, or what comes
  /// next must queue behind bytes in memory.
  int pipe();
  /// `bytes` were moved into pipe().
  void moved(std::size_t bytes);
  /// Writes some of the oldest bytes and returns how many. Errors: would_block. REQUIRES: !empty().
  std::size_t write_to(tcp::socket& socket, error_code& error);
  /// Drops what is held; also gives back a pipe that was asked for and not used.
  void clear();

 private:
  std::size_t give_moved(int descriptor, error_code& error);

  core::MemoryBudget& budget_;
  DataPath* path_;
  std::unique_ptr<Stage> stage_;
  std::size_t moved_ = 0;  // in the stage
  core::ByteQueue queue_;
};

}  // namespace tfunnel::io
