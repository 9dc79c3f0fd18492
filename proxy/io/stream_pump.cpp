#include "proxy/io/stream_pump.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"
#include "common/io/socket_queues.hpp"

namespace tfunnel::proxy {

namespace {
// Steps in a row before others get their turn in the event loop.
constexpr int most_moves_in_a_row = 32;
}  // namespace

result<std::size_t> SocketSide::read_some(asio::mutable_buffer buffer) {
  error_code error;
  const auto count = socket_.read_some(buffer, error);
  if (error) return error;
  return count;
}

result<std::size_t> SocketSide::write_some(asio::const_buffer buffer) {
  error_code error;
  const auto count = socket_.write_some(buffer, error);
  if (error) return error;
  return count;
}

error_code SocketSide::finish() {
  error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  return error;
}

error_code SocketSide::broken() { return socket_.is_open() ? io::pending_error(socket_) : error_code(); }

std::size_t SocketSide::unread() {
  if (!socket_.is_open()) return 0;
  const int socket = socket_.native_handle();
  return io::bytes_received(socket) + (io::end_has_come(socket) ? 1 : 0);
}

void SocketSide::close() {
  io::discard_received(socket_.native_handle());
  io::end_gracefully(socket_);
  error_code ignored;
  socket_.close(ignored);
}

void SocketSide::abort() {
  io::reset_on_close(socket_);
  error_code ignored;
  socket_.close(ignored);
}

StreamPump::StreamPump(asio::io_context& context, std::unique_ptr<PumpSide> left, std::unique_ptr<PumpSide> right)
    : Delivery(context),
      context_(context),
      left_(std::move(left)),
      right_(std::move(right)),
      inward_{.from = left_.get(), .to = right_.get(), .buffer = {}},
      outward_{.from = right_.get(), .to = left_.get(), .buffer = {}} {}

void StreamPump::start(std::string_view first) {
  std::copy(first.begin(), first.end(), inward_.buffer.begin());
  inward_.end = first.size();
  watch(*left_);
  watch(*right_);
  run(inward_);
  if (!over_) run(outward_);
}

void StreamPump::run(Direction& direction) {
  for (int i = 0; i < most_moves_in_a_row; ++i) {
    if (over_ || !step(direction)) return;
  }
  // Not a wait: the next bytes may be inside a side already, where no poll() sees it.
  asio::post(context_, [self = shared_from_this(), &direction] { self->run(direction); });
}

bool StreamPump::step(Direction& direction) {
  if (direction.begin < direction.end) return write(direction);
  return direction.eof ? finish(direction) : read(direction);
}

bool StreamPump::read(Direction& direction) {
  const auto count = direction.from->read_some(asio::buffer(direction.buffer));
  if (count) {
    direction.begin = 0;
    direction.end = *count;
    return true;
  }
  if (io::is_transient(count.error())) {
    direction.from->wait_read(resume(direction));
    return false;
  }
  if (count.error() != asio::error::eof) return fail(count.error());
  direction.eof = true;
  return true;
}

bool StreamPump::write(Direction& direction) {
  const auto size = direction.end - direction.begin;
  const auto count = direction.to->write_some(asio::buffer(direction.buffer.data() + direction.begin, size));
  if (count) {
    direction.begin += *count;
    return true;
  }
  if (!io::is_transient(count.error())) return fail(count.error());
  direction.to->wait_write(resume(direction));
  return false;
}

bool StreamPump::finish(Direction& direction) {
  if (const auto error = direction.to->finish()) {
    if (!io::is_transient(error)) return fail(error);
    direction.to->wait_write(resume(direction));
    return false;
  }
  direction.done = true;
  if (inward_.done && outward_.done) {
    over_ = true;
    left_->close();
    right_->close();
  }
  return false;
}

PumpSide::Handler StreamPump::resume(Direction& direction) {
  return [self = shared_from_this(), &direction](error_code error) {
    if (!error && !self->over_) self->run(direction);
  };
}

// Bytes of the other way are not ours to deliver: they go to the tunnel.
io::Delivery::State StreamPump::delivery() {
  State state;
  const auto& way = outward_;
  if (over_ || way.done) return state;
  const auto kept = way.to->unacknowledged();
  const auto unread = way.eof ? 1 : way.from->unread();
  state.waiting = unread + (way.end - way.begin) + kept;
  state.left.bytes = state.waiting;
  state.left.connections = state.waiting > 0 ? 1 : 0;
  return state;
}

void StreamPump::let_go() {
  if (over_) return;
  if (!outward_.done) {
    fail(asio::error::operation_aborted);
    return;
  }
  over_ = true;
  left_->close();
  right_->close();
}

bool StreamPump::fail(error_code /*error*/) {
  over_ = true;
  left_->abort();
  right_->abort();
  return false;
}

void StreamPump::watch(PumpSide& side) {
  side.wait_broken([self = shared_from_this(), &side](error_code error) {
    if (error || self->over_) return;
    // Other causes (both directions shut) would come again and again: no new wait.
    if (const auto pending = side.broken()) self->fail(pending);
  });
}

}  // namespace tfunnel::proxy
