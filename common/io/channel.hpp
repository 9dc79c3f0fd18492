// The byte stream that joins the two ends: any pair of descriptors.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <functional>
#include <span>

#include "common/core/wire.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::io {

/// A readable and a writable descriptor, non-blocking. They may be one socket, two pipes, a terminal.
/// Standard input and output belong to the process; their flags are put back at the end, because a terminal or a
/// shell may share them.
class Channel {
 public:
  /// Says who closes the descriptors.
  enum class Ownership { process, channel };

  /// Throws boost::system::system_error if a descriptor cannot be waited for (a file, /dev/null).
  Channel(asio::io_context& context, int read_fd, int write_fd, Ownership ownership = Ownership::process);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Errors: would_block; eof at the end of the stream.
  result<std::size_t> read_some(std::span<std::uint8_t> into);
  result<std::size_t> write_some(std::span<const core::ByteView> pieces);

  using Handler = std::function<void(error_code)>;
  /// Calls `handler` once when reading will not block; also at the end of the stream.
  template <class H>
  void when_readable(H&& handler) {
    in_.async_wait(asio::posix::stream_descriptor::wait_read, std::forward<H>(handler));
  }
  template <class H>
  void when_writable(H&& handler) {
    out_.async_wait(asio::posix::stream_descriptor::wait_write, std::forward<H>(handler));
  }
  /// For moving bytes without a copy.
  [[nodiscard]] int read_descriptor() { return in_.native_handle(); }
  [[nodiscard]] int write_descriptor() { return out_.native_handle(); }
  /// Ends both waits; the descriptors stay as they are.
  void cancel();
  /// The far end sees the end of the stream. REQUIRES: the descriptors are the channel's own; nothing but cancel() is
  /// called afterwards.
  void close();

 private:
  asio::posix::stream_descriptor in_;
  asio::posix::stream_descriptor out_;
  int in_flags_;
  int out_flags_;
  Ownership ownership_;
};

}  // namespace tfunnel::io
