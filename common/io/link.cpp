#include "common/io/link.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

#include "common/io/errors.hpp"
#include "common/io/readiness.hpp"

namespace tfunnel::io {

namespace {

using Clock = std::chrono::steady_clock;

// Holds the largest frame that must be whole, a Datagram, several times.
constexpr std::size_t input_size = 256U << 10;
// Bytes read or written in a row before the other direction and the sockets get their turn.
constexpr std::size_t most_in_a_row = 1U << 20;
// Reads without a bulk frame after which big reads pay again.
constexpr int most_header_reads = 4;

}  // namespace

Link::Link(asio::io_context& context, Channel& channel, core::Mux& mux, DataPath& path, Events events)
    : context_(context),
      timer_(context),
      channel_(channel),
      mux_(mux),
      path_(path),
      events_(std::move(events)),
      batch_(path.moves() ? &path.out : nullptr),
      input_(input_size) {}

void Link::start() {
  running_ = true;
  wait_readable();
  wake();
}

void Link::stop() {
  running_ = false;
  timer_.cancel();
  channel_.cancel();
}

void Link::prepend(core::ByteView bytes) { batch_.add_raw(bytes); }

bool Link::input_waiting() const { return is_readable(channel_.read_descriptor()); }

void Link::wait_readable() {
  channel_.when_readable([self = shared_from_this()](error_code error) {
    if (!self->running_) return;
    if (error) return self->fail(error);
    self->read();
  });
}

void Link::read() {
  std::size_t done = 0;
  while (running_ && done < most_in_a_row) {
    const auto moved = move_payload();
    // A socket that was announced as readable and gives nothing to move is at urgent data: only a read gets past that.
    if (!moved && (done > 0 || path_.input_is_pipe)) break;
    if (moved && *moved > 0) {
      done += *moved;
      continue;
    }
    const auto room = std::span(input_).subspan(input_end_).first(read_size());
    const auto count = channel_.read_some(room);
    if (!count) {
      if (is_transient(count.error())) break;
      return fail(count.error());
    }
    ++reads_since_bulk_;
    done += *count;
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
  if (reads_since_bulk_ > most_header_reads) return room;
  const auto wanted = input_end_ > 0 ? core::max_data_header : mux_.payload_left() + mux_.data_header_size();
  return std::min(room, wanted);
}

/// Moves what has arrived of a bulk payload and returns how much. 0: nothing can be moved; the copying
/// path will find out why (the destination is full or broken, the link ended) and deals with it. Error
/// would_block: nothing has arrived. It must not be read then, for a payload follows its header closely.
result<std::size_t> Link::move_payload() {
  if (!path_.moves() || input_end_ > 0 || mux_.payload_left() < least_move) return 0;
  const int target = mux_.payload_descriptor();
  if (target < 0) return 0;
  const auto count = path_.input_is_pipe ? move_directly(target) : move_staged(target);
  if (!count && is_transient(count.error())) return count;
  if (!count || *count == 0) return 0;
  events_.on_moved();
  return count;
}

result<std::size_t> Link::move_directly(int target) {
  auto count = move_bytes(channel_.read_descriptor(), target, mux_.payload_left());
  if (!count && is_transient(count.error()) && !is_writable(target)) {
    const int diversion = mux_.payload_diversion();
    if (diversion < 0) return 0;
    count = move_bytes(channel_.read_descriptor(), diversion, mux_.payload_left());
  }
  if (count) mux_.payload_moved(*count, Clock::now());
  return count;
}

result<std::size_t> Link::move_staged(int target) {
  const auto staged = path_.in.take(channel_.read_descriptor(), mux_.payload_left());
  if (!staged) return staged;
  auto left = *staged - give(target, *staged);
  const int diversion = left > 0 ? mux_.payload_diversion() : -1;
  if (diversion >= 0) left -= give(diversion, left);
  if (left > 0) unstage(left);
  return *staged;
}

std::size_t Link::give(int target, std::size_t staged) {
  std::size_t moved = 0;
  while (moved < staged) {
    const auto count = path_.in.give(target, staged - moved);
    if (!count) break;
    moved += *count;
  }
  if (moved > 0) mux_.payload_moved(moved, Clock::now());
  return moved;
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
  if (path_.moves() && mux_.largest_payload() >= least_move) reads_since_bulk_ = 0;
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
  std::size_t done = 0;
  while (done < most_in_a_row) {
    if (!running_ || !flush()) return;
    mux_.fill(batch_, Clock::now());
    if (batch_.empty()) {
      writing_ = false;
      return drained();
    }
    done += batch_.size();
  }
  write_later();
}

void Link::when_drained(std::function<void()> handler) {
  on_drained_ = std::move(handler);
  wake();
}

// Nothing to write now. An Ack that is due later gets a timer.
void Link::drained() {
  if (const auto deadline = mux_.deadline()) write_at(*deadline);
  if (on_drained_ && !mux_.has_output()) std::exchange(on_drained_, nullptr)();
}

void Link::write_at(core::Time deadline) {
  if (timer_.expiry() == deadline) return;
  timer_.expires_at(deadline);
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->wake();
  });
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

// A far end that says GoAway and exits may break our next write before we have read it. One that goes on talking is not
// heard for ever.
void Link::hear_last_words(error_code error) {
  for (std::size_t heard = 0; running_;) {
    const auto count = channel_.read_some(std::span(input_).subspan(input_end_));
    if (!count) return fail(is_transient(count.error()) ? error : count.error());
    input_end_ += *count;
    hand_over();
    if ((heard += *count) >= most_in_a_row) return fail(error);
  }
}

void Link::fail(error_code error) {
  if (!running_) return;
  stop();
  events_.on_error(error);
}

}  // namespace tfunnel::io
