// Moves bytes between the channel and the mux.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/core/batch.hpp"
#include "common/core/mux.hpp"
#include "common/io/channel.hpp"
#include "common/io/data_path.hpp"

namespace tfunnel::io {

/// The channel's one reader and its only writer. Pulls: nothing leaves the mux before the channel
/// has room for all that was pulled before. Bulk payload goes by the data path's stages where it can, everything
/// else through memory.
class Link : public std::enable_shared_from_this<Link> {
 public:
  struct Events {
    /// Bytes from the far end; returns how many were used. The rest comes again with more.
    std::function<std::size_t(core::ByteView)> on_bytes;
    /// The channel failed or ended (asio::error::eof).
    std::function<void(error_code)> on_error;
    /// The channel took bytes.
    std::function<void()> on_written;
    /// Payload came in without passing through on_bytes.
    std::function<void()> on_moved;
  };

  /// `mux` and all that `events` refer to must outlive the last callback; stop() ends them.
  Link(asio::io_context& context, Channel& channel, core::Mux& mux, DataPath& path, Events events);

  void start();
  void stop();
  /// `bytes` go out before anything of the mux. REQUIRES: before start().
  void prepend(core::ByteView bytes);
  /// Calls `handler` when nothing is left to write.
  void when_drained(std::function<void()> handler);
  /// Writes soon; called by the mux.
  void wake();
  /// True while bytes wait for the channel.
  [[nodiscard]] bool output_waiting() const { return !batch_.empty() || mux_.has_output(); }
  /// True if the channel has something that was not read yet, also its end. A system call.
  [[nodiscard]] bool input_waiting() const;

 private:
  static constexpr int never = 1000;
  void read();
  void wait_readable();
  [[nodiscard]] std::size_t read_size() const;
  result<std::size_t> move_payload();
  result<std::size_t> move_directly(int target);
  result<std::size_t> move_staged(int target);
  std::size_t give(int target, std::size_t staged);
  void unstage(std::size_t staged);
  void hand_over();
  void write_later();
  void write();
  void drained();
  void write_at(core::Time deadline);
  bool flush();
  result<std::size_t> write_some();
  void wait_writable();
  void hear_last_words(error_code error);
  void fail(error_code error);

  asio::io_context& context_;
  asio::steady_timer timer_;
  Channel& channel_;
  core::Mux& mux_;
  DataPath& path_;
  Events events_;
  core::Batch batch_;
  std::vector<std::uint8_t> input_;
  std::size_t input_end_ = 0;
  int reads_since_bulk_ = never;
  std::function<void()> on_drained_;
  bool running_ = false;
  bool writing_ = false;  // write() runs, is posted, or awaits the channel
};

}  // namespace tfunnel::io
