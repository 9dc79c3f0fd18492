// Bytes that a socket could not take yet.
#pragma once

#include <memory>
#include <vector>

#include "common/core/byte_queue.hpp"
#include "common/core/credit.hpp"
#include "common/io/spare_stages.hpp"

namespace tfunnel::io {

/// Bytes on their way to a slow socket, oldest first: in pipes of their own, where the system can move
/// them there without a copy, and behind that in memory. The part in memory moves into a pipe as soon as
/// something is to be moved behind it: else all that follows would have to be copied for as long as the
/// socket is the slowest part. The flow's window stands for the memory that it takes, which bounds it.
/// An empty backlog owns neither pipe nor memory, but for a pipe that was asked for and not used yet.
class Backlog {
 public:
  /// `budget` and `spare` must outlive what it holds.
  Backlog(core::MemoryBudget& budget, SpareStages& spare) : charge_(budget.connections()), spare_(spare) {}
  ~Backlog() { clear(); }
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  [[nodiscard]] std::size_t size() const { return moved_ + queue_.size(); }
  [[nodiscard]] bool empty() const { return size() == 0; }

  /// The part held in memory: the contiguous run that starts at `position`, or nothing.
  [[nodiscard]] core::ByteView peek(std::size_t position) const { return queue_.peek(position); }

  void append(core::ByteView bytes);
  /// A descriptor that bytes may be moved into behind all others; -1: there is none, or the pipes cannot hold what is
  /// in memory.
  int pipe();
  /// Another one, since pipe() takes no more; or -1.
  int next_pipe();
  /// `bytes` were moved into the pipe that was asked for last.
  void moved(std::size_t bytes);
  /// Writes some of the oldest bytes and returns how many. Errors: would_block. REQUIRES: !empty().
  std::size_t write_to(tcp::socket& socket, error_code& error);
  /// Drops what is held; also gives back a pipe that was asked for and not used.
  void clear();
  /// The flow is over, and its window gone: from now on this is charged itself for what is still held. REQUIRES: the
  /// budget has what the window gave back.
  void outlive_window();

 private:
  /// A pipe, and how many bytes it holds; only the last one may hold none.
  struct Held {
    std::unique_ptr<Stage> stage;
    std::size_t bytes = 0;
  };
  // A flow's window seldom needs more.
  static constexpr std::size_t most_pipes = 8;

  bool borrow();
  std::size_t put(core::ByteView bytes);
  bool spill();
  std::size_t give_moved(int descriptor, error_code& error);

  core::Charge charge_;  // only if it outlives its window
  SpareStages& spare_;
  std::vector<Held> pipes_;  // oldest first
  std::size_t moved_ = 0;    // in all of them
  core::ByteQueue queue_;
};

}  // namespace tfunnel::io
