#include "common/io/link.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include "common/io/errors.hpp"

namespace tfunnel::io {

namespace {
// Holds the largest frame that must be whole, a Datagram, several times.
constexpr std::size_t input_size = 256U << 10;
// Reads and batches in a row before others get their turn in the event loop.
constexpr int most_in_a_row = 8;
}  // namespace

Link::Link(asio::io_context& context, Channel& channel, core::Mux& mux, Events events)
    : context_(context), channel_(channel), mux_(mux), events_(std::move(events)), input_(input_size) {}

void Link::start() {
  running_ = true;
  wait_readable();
  wake();
}

void Link::stop() {
  running_ = false;
  channel_.cancel();
}

void Link::prepend(core::ByteView bytes) { batch_.add_raw(bytes); }

void Link::wait_readable() {
  channel_.when_readable([self = shared_from_this()](error_code error) {
    if (!self->running_) return;
    if (error) return self->fail(error);
    self->read();
  });
}

void Link::read() {
  for (int i = 0; i < most_in_a_row && running_; ++i) {
    const auto room = std::span(input_).subspan(input_end_);
    const auto count = channel_.read_some(room);
    if (!count) {
      if (is_transient(count.error())) break;
      return fail(count.error());
    }
    input_end_ += *count;
    hand_over();
    if (*count < room.size()) break;
  }
  if (running_) wait_readable();
}

void Link::hand_over() {
  const auto used = events_.on_bytes(core::ByteView(input_.data(), input_end_));
  const auto rest = std::span(input_).subspan(used, input_end_ - used);
  std::ranges::copy(rest, input_.begin());
  input_end_ = rest.size();
}

// Posted, not called: all that happens in one round of the event loop goes out in one write.
void Link::wake() {
  if (!running_ || writing_) return;
  writing_ = true;
  write_later();
}

void Link::write_later() {
  asio::post(context_, [self = shared_from_this()] { self->write(); });
}

void Link::write() {
  for (int i = 0; i < most_in_a_row; ++i) {
    if (!running_ || !flush()) return;
    mux_.fill(batch_, std::chrono::steady_clock::now());
    if (batch_.empty()) {
      writing_ = false;
      return drained();
    }
  }
  write_later();
}

void Link::when_drained(std::function<void()> handler) {
  on_drained_ = std::move(handler);
  wake();
}

void Link::drained() {
  events_.on_written();
  if (on_drained_) std::exchange(on_drained_, nullptr)();
}

/// False: the channel is full and will call again, or it failed.
bool Link::flush() {
  while (!batch_.empty()) {
    const auto count = channel_.write_some(batch_.pieces());
    if (!count) {
      if (is_transient(count.error())) {
        wait_writable();
      } else {
        hear_last_words(count.error());
      }
      return false;
    }
    batch_.consume(*count);
    events_.on_written();
  }
  return true;
}

void Link::wait_writable() {
  channel_.when_writable([self = shared_from_this()](error_code error) {
    if (!self->running_) return;
    if (error) return self->fail(error);
    self->write();
  });
}

// A far end that says GoAway and exits may break our next write before we have read it.
void Link::hear_last_words(error_code error) {
  while (running_) {
    const auto count = channel_.read_some(std::span(input_).subspan(input_end_));
    if (!count) return fail(is_transient(count.error()) ? error : count.error());
    input_end_ += *count;
    hand_over();
  }
}

void Link::fail(error_code error) {
  if (!running_) return;
  stop();
  events_.on_error(error);
}

}  // namespace tfunnel::io
