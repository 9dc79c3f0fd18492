#include "emulated_line.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bench {
namespace {

// A millisecond of link time, but no less than one packet and no more than a big one.
std::size_t segment_size(double rate) { return std::size_t(std::clamp(rate / 1000, 1448.0, 65536.0)); }

// The bytes that a receiver which does not read can have in its own buffer, beyond those on the line.
constexpr double kReceiveBuffer = 256 * 1024;

}  // namespace

Nanoseconds monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

EmulatedLine::EmulatedLine(int in, int out, const LineSettings& settings)
    : in_(in),
      out_(out),
      settings_(settings),
      in_flight_limit_(std::size_t(kReceiveBuffer + 2 * settings.max_rate * double(settings.delay) / kSecond)),
      ring_(settings.buffer + in_flight_limit_ + 65536) {
  for (const int fd : {in, out}) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void EmulatedLine::set_rate(double rate) {
  serialise(monotonic_now());
  settings_.rate = rate;
  ready_at_ = monotonic_now();
}

void EmulatedLine::advance() {
  const auto now = monotonic_now();
  serialise(now);
  deliver(now);
  read_input(now);
  serialise(now);  // what came to an idle line starts at once, and its deadline must be known
  if (in_ < 0 && delivered_ == read_) close_output();
}

Nanoseconds EmulatedLine::deadline() const {
  Nanoseconds next = segment_ ? segment_ends_ : kNever;
  if (!in_flight_.empty()) next = std::min(next, in_flight_.front().due);
  return next;
}

void EmulatedLine::read_input(Nanoseconds now) {
  while (wants_input()) {
    const auto at = std::size_t(read_ % ring_.size());
    const auto room = std::min(settings_.buffer - queued(), ring_.size() - at);
    const auto got = ::read(in_, &ring_[at], room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return close_input();
    if (queued() == 0) ready_at_ = now;
    read_ += std::uint64_t(got);
    most_queued_ = std::max(most_queued_, queued());
    if (std::size_t(got) < room) return;
  }
}

void EmulatedLine::serialise(Nanoseconds now) {
  for (;;) {
    if (segment_ && segment_ends_ > now) return;
    if (segment_) {
      serialised_ += segment_;
      in_flight_.push_back({serialised_, segment_ends_ + settings_.delay});
      line_free_ = segment_ends_;
      segment_ = 0;
    }
    if (far_side_full()) ready_at_ = now;
    if (queued() == 0 || settings_.rate <= 0 || far_side_full()) return;
    start_segment();
  }
}

void EmulatedLine::start_segment() {
  segment_ = std::min(queued(), segment_size(settings_.rate));
  segment_ends_ = std::max(line_free_, ready_at_) + Nanoseconds(double(segment_) / settings_.rate * kSecond);
}

void EmulatedLine::deliver(Nanoseconds now) {
  for (; !in_flight_.empty() && in_flight_.front().due <= now; in_flight_.pop_front())
    deliverable_ = in_flight_.front().end;
  while (wants_output()) {
    const auto at = std::size_t(delivered_ % ring_.size());
    const auto size = std::min(std::size_t(deliverable_ - delivered_), ring_.size() - at);
    const auto written = ::write(out_, &ring_[at], size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written <= 0) {  // nobody reads any more: the writer shall notice too
      close_input();
      return close_output();
    }
    delivered_ += std::uint64_t(written);
  }
}

void EmulatedLine::close_input() {
  if (in_ >= 0) ::close(in_);
  in_ = -1;
}

void EmulatedLine::close_output() {
  if (out_ >= 0) ::close(out_);
  out_ = -1;
  segment_ = 0;
  in_flight_.clear();
}

}  // namespace bench
