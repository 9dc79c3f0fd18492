// Lines for a stream that others share and perhaps nobody reads.
#pragma once

#include "common/core/line_queue.hpp"
#include "common/core/time.hpp"
#include "common/io/asio.hpp"
#include "common/io/descriptor.hpp"

namespace tfunnel::io {

/// Writes whole lines and never waits for the reader: lines that the stream does not take are kept, within bounds, and
/// beyond these counted. Others who hold the same open file description (a shell, ssh) must not meet O_NONBLOCK on it,
/// so
///   - a pipe or terminal is opened once more, with a description of our own that does not block;
///   - a socket is asked not to block at each call;
///   - one that cannot be opened (another user's pipe; any pipe where the system has no path to it) is written to only
///   when
///     poll(2) promises room, and no more at once than it promises: PIPE_BUF bytes in a pipe, one byte in a terminal.
///     Somebody else may still take that room first;
///   - files and devices never make anybody wait.
/// Up to PIPE_BUF bytes go into a pipe whole (pipe(7)), so lines of several processes do not mix.
class LineWriter {
 public:
  /// As much may wait: a table of some ten thousand flows.
  static constexpr std::size_t most_waiting = 4U << 20;
  /// Lines that wait at the end have this much time left to be taken.
  static constexpr core::Duration last_patience = std::chrono::seconds(1);

  /// `descriptor` must stay open as long as this; a closed one takes everything, and nothing comes of it.
  explicit LineWriter(int descriptor);
  /// See finish().
  ~LineWriter() { finish(); }
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// REQUIRES: `lines` ends with a newline.
  void write(std::string_view lines);
  /// Writes as much of the waiting lines as it can; true if something could be written.
  bool flush();
  [[nodiscard]] bool waiting() const { return !queue_.empty(); }
  /// See core::LineQueue::take_lost().
  std::size_t take_lost() { return queue_.take_lost(); }
  /// Blocks until all is written, but no longer than `last_patience`.
  void finish();

 private:
  /// How writing is kept from blocking.
  enum class Way { closed, freely, as_told_by_poll, one_byte_as_told_by_poll, at_once };

  void choose_way();
  [[nodiscard]] std::size_t most_at_once() const;
  result<std::size_t> put(std::string_view text);

  int descriptor_;
  Descriptor own_;  // to write to in its place
  Way way_ = Way::freely;
  core::LineQueue queue_;
};

}  // namespace tfunnel::io
