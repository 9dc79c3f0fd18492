#include "common/io/channel.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/system/system_error.hpp>

#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"

namespace tfunnel::io {

namespace {

/// Files and devices other than terminals are always "ready": they cannot be waited for.
void require_stream(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw boost::system::system_error(last_error());
  const bool device = S_ISCHR(status.st_mode) && ::isatty(descriptor) == 0;
  if (device || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
    throw boost::system::system_error(asio::error::operation_not_supported);
  }
}

}  // namespace

Channel::Channel(asio::io_context& context, int read_fd, int write_fd, Ownership ownership)
    : in_(context),
      out_(context),
      in_flags_(::fcntl(read_fd, F_GETFL)),
      out_flags_(::fcntl(write_fd, F_GETFL)),
      ownership_(ownership) {
  require_stream(read_fd);
  require_stream(write_fd);
  in_.assign(read_fd);
  // Asio watches a descriptor number once; the same number twice needs a copy.
  out_.assign(write_fd == read_fd ? ::dup(write_fd) : write_fd);
  keep_urgent_data_in_line(read_fd);
  in_.native_non_blocking(true);
  out_.native_non_blocking(true);
}

Channel::~Channel() {
  if (ownership_ == Ownership::channel) return;
  ::fcntl(in_.native_handle(), F_SETFL, in_flags_);
  ::fcntl(out_.native_handle(), F_SETFL, out_flags_);
  // Standard input and output stay open: a terminal's settings are still to be restored.
  in_.release();
  out_.release();
}

result<std::size_t> Channel::read_some(std::span<std::uint8_t> into) {
  const auto count = ::read(in_.native_handle(), into.data(), into.size());
  if (count > 0) return static_cast<std::size_t>(count);
  if (count == 0) return error_code(asio::error::eof);
  return last_error();
}

result<std::size_t> Channel::write_some(std::span<const core::ByteView> pieces) {
  // POSIX promises only 16 pieces a call; 64 are enough to make the call's cost vanish.
  constexpr std::size_t most = 64;
  std::array<::iovec, most> vector{};
  const auto count = std::min(pieces.size(), most);
  std::ranges::transform(pieces.first(count), vector.begin(), [](core::ByteView piece) {
    return ::iovec{const_cast<std::uint8_t*>(piece.data()), piece.size()};
  });
  const auto written = ::writev(out_.native_handle(), vector.data(), static_cast<int>(count));
  if (written < 0) return last_error();
  return static_cast<std::size_t>(written);
}

void Channel::close() {
  error_code ignored;
  in_.close(ignored);
  out_.close(ignored);
}

void Channel::cancel() {
  error_code ignored;
  in_.cancel(ignored);
  out_.cancel(ignored);
}

}  // namespace tfunnel::io
