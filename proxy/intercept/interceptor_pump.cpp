#include "proxy/intercept/interceptor_pump.hpp"

#include <algorithm>
#include <utility>

#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"
#include "common/io/socket_queues.hpp"

namespace tfunnel::proxy {

namespace {
constexpr std::array both_ways{Way::to_destination, Way::to_application};
constexpr std::size_t read_size = 32U << 10;
}  // namespace

InterceptorPump::InterceptorPump(tcp::socket application, tcp::socket destination,
                                 std::unique_ptr<Interceptor> interceptor, core::Charge charge)
    : Delivery(application.get_executor().context()),
      application_(std::move(application)),
      destination_(std::move(destination)),
      interceptor_(std::move(interceptor)),
      charge_(std::move(charge)) {
  io::prepare(application_);
  io::prepare(destination_);
}

void InterceptorPump::start() {
  watch_errors(application_);
  watch_errors(destination_);
  go_on();
}

void InterceptorPump::go_on() {
  for (const auto way : both_ways) {
    if (!over_) flush(way);
  }
  for (const auto way : both_ways) {
    if (!over_ && may_read(way)) wait_readable(way);
  }
  const auto is_done = [](const Lane& own) { return own.shut && own.read_all; };
  if (!over_ && is_done(lanes_[0]) && is_done(lanes_[1])) close();
}

// An interceptor may answer one way what it reads the other; a little more room there keeps the ways independent.
bool InterceptorPump::may_read(Way way) {
  const auto& own = lane(way);
  return !own.read_all && own.queue.size() < most_waiting && lane(opposite(way)).queue.size() < 2 * most_waiting &&
         charge_read();
}

bool InterceptorPump::charge_read() {
  const auto wanted = least_cost + waiting();
  return waiting() == 0 || wanted <= charge_.size() || charge_.resize(wanted);
}

void InterceptorPump::wait_readable(Way way) {
  if (std::exchange(lane(way).reading, true)) return;
  source(way).async_wait(tcp::socket::wait_read, [self = shared_from_this(), way](error_code error) {
    self->lane(way).reading = false;
    if (error || self->over_) return;
    self->read(way);
    if (!self->over_) self->go_on();
  });
}

void InterceptorPump::wait_writable(Way way) {
  if (std::exchange(lane(way).writing, true)) return;
  receiver(way).async_wait(tcp::socket::wait_write, [self = shared_from_this(), way](error_code error) {
    self->lane(way).writing = false;
    if (!error && !self->over_) self->go_on();
  });
}

// While nothing may be read, a reset would go unnoticed.
void InterceptorPump::watch_errors(tcp::socket& socket) {
  socket.async_wait(tcp::socket::wait_error, [self = shared_from_this(), &socket](error_code error) {
    // Other causes (urgent data, both directions shut) would come again and again: do not wait anew.
    if (!error && !self->over_ && io::pending_error(socket)) self->reset();
  });
}

void InterceptorPump::read(Way way) {
  if (!may_read(way)) return;
  std::array<std::uint8_t, read_size> buffer;
  error_code error;
  const auto size = source(way).read_some(asio::buffer(buffer), error);
  if (io::is_transient(error)) return;
  if (error && error != asio::error::eof) return reset();
  if (error) {
    lane(way).read_all = true;
    if (!lane(way).finished) interceptor_->on_end(*this, way);
  } else if (!lane(way).finished) {
    interceptor_->on_bytes(*this, way, core::ByteView(buffer).first(size));
  }
}

void InterceptorPump::send(Way way, core::ByteView bytes) {
  if (!over_ && !lane(way).finished) lane(way).queue.append(bytes);
}

void InterceptorPump::finish(Way way) { lane(way).finished = true; }

void InterceptorPump::flush(Way way) {
  auto& own = lane(way);
  while (!own.queue.empty()) {
    error_code error;
    const auto bytes = own.queue.front();
    const auto count = receiver(way).write_some(asio::buffer(bytes.data(), bytes.size()), error);
    if (io::is_transient(error)) return wait_writable(way);
    if (error) return reset();
    own.queue.consume(count);
  }
  if (waiting() == 0) charge_.shrink(std::min(charge_.size(), least_cost));
  if (!own.finished || std::exchange(own.shut, true)) return;
  error_code ignored;
  receiver(way).shutdown(tcp::socket::shutdown_send, ignored);
}

// Bytes of the other way are not ours to deliver: they go to the tunnel.
io::Delivery::State InterceptorPump::delivery() {
  State state;
  const auto& way = lanes_[0];
  if (over_ || way.shut) return state;
  const int source = application_.native_handle();
  const auto kept = io::bytes_unacknowledged(destination_.native_handle());
  const bool end_waits = way.finished || way.read_all || io::end_has_come(source);
  state.waiting = way.queue.size() + io::bytes_received(source) + kept;
  state.left.bytes = state.waiting;
  state.left.connections = state.waiting > 0 || end_waits ? 1 : 0;
  return state;
}

void InterceptorPump::let_go() {
  if (!over_) lanes_[0].shut ? close() : reset();
}

// Nothing may be left unread, which would turn the end into a reset.
void InterceptorPump::close() {
  over_ = true;
  io::discard_received(application_.native_handle());
  io::discard_received(destination_.native_handle());
  io::end_gracefully(application_);
  io::end_gracefully(destination_);
  error_code ignored;
  application_.close(ignored);
  destination_.close(ignored);
}

// Closing resets the connections, since prepare() asked for that.
void InterceptorPump::reset() {
  if (std::exchange(over_, true)) return;
  error_code ignored;
  application_.close(ignored);
  destination_.close(ignored);
}

}  // namespace tfunnel::proxy
