#include "common/io/line_writer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include <climits>

#include "common/io/errors.hpp"
#include "common/io/readiness.hpp"
#include "common/io/stream_path.hpp"

namespace tfunnel::io {

namespace {

using Clock = std::chrono::steady_clock;

// How often the end looks whether the reader has made room.
constexpr int last_period = 10;  // milliseconds

#ifdef PIPE_BUF
constexpr std::size_t piece = PIPE_BUF;
#else
constexpr std::size_t piece = _POSIX_PIPE_BUF;
#endif

/// Never one of the standard streams, which our parent may have left closed.
Descriptor open_stream(const std::string& path) {
  Descriptor opened(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (opened.is_open() && opened.get() <= STDERR_FILENO) {
    opened = Descriptor(::fcntl(opened.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  }
  return opened;
}

/// After su(1) the terminal is another user's, but the way to one's own controlling terminal is free.
Descriptor open_anew(int descriptor, bool terminal) {
  auto opened = open_stream(path_of(descriptor));
  const bool controlling = terminal && ::tcgetsid(descriptor) >= 0;
  return opened.is_open() || !controlling ? std::move(opened) : open_stream("/dev/tty");
}

}  // namespace

LineWriter::LineWriter(int descriptor) : descriptor_(descriptor), queue_(most_waiting) { choose_way(); }

void LineWriter::choose_way() {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) {
    way_ = Way::closed;
  } else if (S_ISSOCK(status.st_mode)) {
    way_ = Way::at_once;
  } else if (const bool terminal = ::isatty(descriptor_) == 1; terminal || S_ISFIFO(status.st_mode)) {
    own_ = open_anew(descriptor_, terminal);
    if (!own_.is_open()) way_ = terminal ? Way::one_byte_as_told_by_poll : Way::as_told_by_poll;
  }
}

void LineWriter::write(std::string_view lines) {
  if (way_ == Way::closed) return;
  const bool first = queue_.empty();
  queue_.push(lines);
  if (first) flush();
}

bool LineWriter::flush() {
  bool any = false;
  while (!queue_.empty()) {
    const auto count = put(queue_.front(most_at_once()));
    if (count) {
      queue_.consume(*count);
      any = any || *count > 0;
    } else if (is_transient(count.error())) {
      break;
    } else {
      // Nobody will ever read it, and there is nowhere to say so.
      queue_.clear();
    }
  }
  return any;
}

std::size_t LineWriter::most_at_once() const { return way_ == Way::one_byte_as_told_by_poll ? 1 : piece; }

result<std::size_t> LineWriter::put(std::string_view text) {
  const bool asks = way_ == Way::as_told_by_poll || way_ == Way::one_byte_as_told_by_poll;
  if (asks && !is_writable(descriptor_)) return error_code(asio::error::would_block);
  const auto count = way_ == Way::at_once
                         ? ::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT)
                         : ::write(own_.is_open() ? own_.get() : descriptor_, text.data(), text.size());
  if (count < 0) return last_error();
  return static_cast<std::size_t>(count);
}

void LineWriter::finish() {
  const auto end = Clock::now() + last_patience;
  for (flush(); waiting() && Clock::now() < end; flush()) ::poll(nullptr, 0, last_period);
}

}  // namespace tfunnel::io
