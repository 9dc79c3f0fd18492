#include "common/io/link.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

#include "common/io/errors.hpp"

namespace tfunnel::io {

namespace {
// Holds the largest frame that must be whole, a Datagram, several times.
constexpr std::size_t input_size = 256U << 10;
// Reads and batches in a row before others get their turn in the event loop.
constexpr int most_in_a_row = 32;
// A payload below this is copied: moving costs a system call more.
constexpr std::size_t least_move = 16U << 10;
// Reads without a bulk frame after which big reads pay again.
constexpr int most_header_reads = 4;
}  // namespace

Link::Link(asio::io_context& context, Channel& channel, core::Mux& mux, DataPath& path, Events events)
    : context_(context), channel_(channel), mux_(mux), path_(path), events_(std::move(events)), input_(input_size) {}

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
    if (move_payload()) continue;
    const auto room = std::span(input_).subspan(input_end_).first(read_size());
    const auto count = channel_.read_some(room);
    if (!count) {
      if (is_transient(count.error())) break;
      return fail(count.error());
    }
    ++reads_since_move_;
    input_end_ += *count;
    hand_over();
    if (*count < room.size()) break;
  }
  if (running_) wait_readable();
}

// After a bulk frame another one is likely. Its payload can only be moved if it was not read along
// with its header, so the read stops right behind that.
std::size_t Link::read_size() const {
  const auto room = input_.size() - input_end_;
  if (reads_since_move_ > most_header_reads) return room;
  const auto wanted = input_end_ > 0 ? core::max_data_header : mux_.payload_left() + mux_.data_header_size();
  return std::min(room, wanted);
}

/// Moves what has arrived of a bulk payload. False: nothing can be moved; the copying path will find
/// out why (the link is empty, the destination is full or broken) and deals with it.
bool Link::move_payload() {
  if (!path_.moves() || input_end_ > 0 || mux_.payload_left() < least_move) return false;
  const int target = mux_.payload_descriptor();
  if (target < 0) return false;
  const auto count = move_to(target, mux_.payload_left());
  if (!count) return false;
  mux_.payload_moved(*count);
  events_.on_moved();
  reads_since_move_ = 0;
  return true;
}

result<std::size_t> Link::move_to(int target, std::size_t most) {
  if (path_.input_is_pipe) return move_bytes(channel_.read_descriptor(), target, most);
  const auto staged = path_.in.take(channel_.read_descriptor(), most);
  if (!staged) return staged;
  std::size_t moved = 0;
  while (moved < *staged) {
    const auto count = path_.in.give(target, *staged - moved);
    if (!count) break;
    moved += *count;
  }
  if (moved > 0) mux_.payload_moved(moved);
  if (moved < *staged) unstage(*staged - moved);
  return 0;
}

/// The destination stopped taking in the middle: the rest goes into the flow's own buffer.
void Link::unstage(std::size_t staged) {
  while (staged > 0) {
    const auto count = path_.in.read(input_.data(), std::min(staged, input_.size()));
    assert(count && *count > 0);
    staged -= *count;
    input_end_ = *count;
    hand_over();
  }
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
    const auto count = write_some();
    if (!count) {
      if (is_transient(count.error())) {
        wait_writable();
      } else {
        hear_last_words(count.error());
      }
      return false;
    }
    events_.on_written();
  }
  return true;
}

result<std::size_t> Link::write_some() {
  const bool from_stage = batch_.pieces().empty();
  const auto count =
      from_stage ? path_.out.give(channel_.write_descriptor(), batch_.staged()) : channel_.write_some(batch_.pieces());
  if (!count) return count;
  from_stage ? batch_.consume_staged(*count) : batch_.consume(*count);
  return count;
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
