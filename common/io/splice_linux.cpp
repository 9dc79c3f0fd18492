// splice(2), pipe(7), fcntl(2) F_SETPIPE_SZ.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "common/io/errors.hpp"
#include "common/io/splice.hpp"

namespace tfunnel::io {

namespace {
// The most that an unprivileged process may have (/proc/sys/fs/pipe-max-size). The slots matter more than the
// bytes: each fragment of a received packet takes one.
constexpr int pipe_size = 1 << 20;
}  // namespace

Stage::~Stage() {
  if (!is_open()) return;
  ::close(in_);
  ::close(out_);
}

bool Stage::open() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return false;
  out_ = ends[0];
  in_ = ends[1];
  enlarge_pipe(in_);
  return true;
}

result<std::size_t> Stage::take(int descriptor, std::size_t most) { return move_bytes(descriptor, in_, most); }

result<std::size_t> Stage::give(int descriptor, std::size_t most) { return move_bytes(out_, descriptor, most); }

result<std::size_t> Stage::put(const void* from, std::size_t size) {
  const auto count = ::write(in_, from, size);
  if (count < 0) return last_error();
  return static_cast<std::size_t>(count);
}

result<std::size_t> Stage::read(void* into, std::size_t most) {
  const auto count = ::read(out_, into, most);
  if (count < 0) return last_error();
  return static_cast<std::size_t>(count);
}

result<std::size_t> move_bytes(int from, int to, std::size_t most) {
  // Not SPLICE_F_MORE: it would hold the last piece back for 200 ms.
  const auto count = ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (count > 0) return static_cast<std::size_t>(count);
  if (count == 0) return error_code(asio::error::eof);
  return last_error();
}

bool is_pipe(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISFIFO(status.st_mode);
}

bool is_movable(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

void enlarge_pipe(int descriptor) {
  if (::fcntl(descriptor, F_GETPIPE_SZ) < pipe_size) ::fcntl(descriptor, F_SETPIPE_SZ, pipe_size);
}

}  // namespace tfunnel::io
