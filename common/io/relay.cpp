#include "common/io/relay.hpp"

#include <utility>

#include "common/io/data_path.hpp"
#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"
#include "common/io/socket_queues.hpp"

namespace tfunnel::io {

namespace {
// A frame for less room than this is not worth its header; the next batch has more.
constexpr std::size_t least_room = 2048;
}  // namespace

Relay::Relay(asio::io_context& context, std::shared_ptr<core::Mux> mux, const Log& log)
    : Delivery(context),
      mux_(std::move(mux)),
      log_(log),
      socket_(context),
      backlog_(mux_->budget(), SpareStages::of(context)) {}

void Relay::bind(core::Flow& flow, const core::Endpoint& peer) {
  flow_ = &flow;
  peer_ = peer;
}

void Relay::attach_made(tcp::socket socket) {
  error_code error;
  const auto local = socket.local_endpoint(error);
  if (flow_ != nullptr) mux_->opened(*flow_, from_asio(local));
  attach(std::move(socket));
}

void Relay::attach(tcp::socket socket) {
  socket_ = std::move(socket);
  attached_ = true;
  on_abandoned_ = nullptr;
  on_early_ = nullptr;
  error_code ignored;
  socket_.non_blocking(true, ignored);
  if (!eof_read_) wait_readable();
  flush();
}

void Relay::fail(core::Reason reason, std::string_view words) {
  if (flow_ == nullptr) {
    if (wants_connection()) {
      log_.about_flow(LogLevel::warning, "cut, since no connection could be made: " + delivery().left.text(),
                      {{"reason", std::string(core::name(reason))}});
    }
    return give_up();
  }
  log_.about_flow(LogLevel::info, "flow failed", LogFlow(flow_->request, flow_->id),
                  {{"reason", std::string(core::name(reason))}});
  // reset() may release the last owner but the caller.
  auto& flow = *std::exchange(flow_, nullptr);
  give_up();
  mux_->reset(flow, reason, words);
}

// Does not cancel the attempt, which may be the caller of this.
void Relay::give_up() {
  over_ = true;
  backlog_.clear();
}

core::Pulled Relay::pull(core::Batch& batch, std::size_t allowance, core::Time) {
  if (read_waiting_ || eof_read_ || !socket_.is_open()) return {};
  if (last_call_) {
    allowance = std::min(allowance, last_call_->allowance());
    if (allowance == 0) return {};
  }
  if (bulk_ && batch.moves() && allowance >= least_move) return pull_moving(batch, allowance);
  return pull_copying(batch, allowance);
}

core::Pulled Relay::pull_copying(core::Batch& batch, std::size_t allowance) {
  const auto room = batch.data_room(allowance);
  if (room.size() < std::min(allowance, least_room)) return {.more = true, .batch_full = true};
  error_code error;
  const auto count = socket_.read_some(asio::buffer(room.data(), room.size()), error);
  if (error) return read_ended(error);
  batch.commit_data(flow_->id, count);
  after_read(count, room.size());
  if (count == room.size()) return {.bytes = count, .more = true};
  wait_readable();
  return {.bytes = count};
}

core::Pulled Relay::pull_moving(core::Batch& batch, std::size_t allowance) {
  if (!batch.header_fits()) return {.more = true, .batch_full = true};
  const auto count = batch.move_data(flow_->id, socket_.native_handle(), allowance);
  if (!count && is_at_mark(count.error())) return pull_copying(batch, allowance);
  if (!count) return read_ended(count.error());
  after_read(*count, allowance);
  return {.bytes = *count, .more = true, .batch_full = true};
}

// Nothing is moved past urgent data (in Linux, tcp_read_sock()): there the socket is readable and yet has nothing, or
// seems to be at its end as soon as that has arrived. Only a read gets on.
bool Relay::is_at_mark(error_code error) const { return error == asio::error::eof || (woken_ && is_transient(error)); }

void Relay::after_read(std::size_t count, std::size_t most) {
  woken_ = false;
  // A read that was cut short (by the end of the credit) does not tell how much the application sends.
  bulk_ = count >= least_move || (bulk_ && count == most);
  if (last_call_) last_call_->read(count);
  // Unread data may hide a reset from a flow that has no credit to read it.
  if (count == flow_->send_credit) watch_errors();
}

core::Pulled Relay::read_ended(error_code error) {
  if (is_transient(error)) {
    wait_readable();
  } else if (error == asio::error::eof) {
    eof_read_ = true;
    mux_->finish(*flow_);
    // No more reading will tell of a reset.
    watch_errors();
    after_drain();
  } else {
    break_off(error);
  }
  return {};
}

void Relay::wait_readable() {
  if (read_waiting_) return;
  read_waiting_ = true;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code error) {
    self->read_waiting_ = false;
    self->woken_ = true;
    if (!error && self->flow_ != nullptr) self->mux_->ready(*self->flow_);
  });
}

void Relay::wait_writable() {
  if (write_waiting_) return;
  write_waiting_ = true;
  socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](error_code error) {
    self->write_waiting_ = false;
    if (!error) self->flush();
  });
}

void Relay::watch_errors() {
  if (error_watched_ || !socket_.is_open()) return;
  error_watched_ = true;
  socket_.async_wait(tcp::socket::wait_error, [self = shared_from_this()](error_code error) {
    self->error_watched_ = false;
    if (error || !self->socket_.is_open()) return;
    // Other causes (urgent data, both directions shut) would come again and again: do not wait anew.
    if (const auto pending = pending_error(self->socket_)) self->break_off(pending);
  });
}

void Relay::on_data(core::ByteView bytes) {
  if (attached_ && backlog_.empty()) {
    const auto taken = write(bytes);
    if (flow_ == nullptr) return;
    if (taken > 0) mux_->drained(*flow_, taken);
    bytes = bytes.subspan(taken);
  }
  if (!bytes.empty()) keep(bytes);
}

int Relay::payload_descriptor() {
  if (!attached_ || !socket_.is_open()) return -1;
  return goes_straight() ? socket_.native_handle() : backlog_.pipe();
}

int Relay::payload_diversion() {
  if (!attached_) return -1;
  const int pipe = goes_straight() ? backlog_.pipe() : backlog_.next_pipe();
  if (pipe < 0) return -1;
  diverted_ = true;
  stalled();
  return pipe;
}

void Relay::on_moved(std::size_t bytes) {
  if (!goes_straight()) {
    backlog_.moved(bytes);
  } else if (flow_ != nullptr) {
    mux_->drained(*flow_, bytes);
  }
}

// The destination is slower than the link.
void Relay::stalled() {
  if (flow_ != nullptr) flow_->window.stalled();
  if (attached_) wait_writable();
}

void Relay::keep(core::ByteView bytes) {
  backlog_.append(bytes);
  stalled();
  if (on_early_) on_early_();
}

void Relay::flush() {
  diverted_ = false;
  while (!backlog_.empty()) {
    error_code error;
    const auto count = backlog_.write_to(socket_, error);
    if (error) return write_failed(error);
    if (flow_ != nullptr) mux_->drained(*flow_, count);
  }
  backlog_.clear();
  after_drain();
}

std::size_t Relay::write(core::ByteView bytes) {
  error_code error;
  const auto count = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
  if (error) write_failed(error);
  return count;
}

void Relay::write_failed(error_code error) { is_transient(error) ? wait_writable() : break_off(error); }

bool Relay::on_no_memory() {
  fail(core::Reason::resource_limit);
  drop();
  return true;
}

void Relay::on_fin() {
  fin_received_ = true;
  if (on_early_) on_early_();
  after_drain();
}

// The end is passed on only behind all data, and the socket is given up when both directions ended.
void Relay::after_drain() {
  if (!attached_ || !fin_received_ || !backlog_.empty() || !socket_.is_open()) return;
  if (eof_read_) return close_in_order();
  error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
}

// Bytes of ours that the kernel still holds go out behind us, unless there is something unread.
void Relay::close_in_order() {
  over_ = true;
  if (unread_) discard_received(socket_.native_handle());
  end_gracefully(socket_);
  error_code ignored;
  socket_.close(ignored);
}

void Relay::on_reset(core::Reason reason) {
  if (flow_ != nullptr) {
    const bool failed_setup = !flow_->far_connected;
    log_.about_flow(failed_setup ? LogLevel::info : LogLevel::debug, "flow ended", LogFlow(flow_->request, flow_->id),
                    {{"reason", std::string(core::name(reason))}});
  }
  flow_ = nullptr;
  drop();
}

void Relay::on_finished() {
  flow_ = nullptr;
  backlog_.outlive_window();
}

// A stream that was cut in the middle is reset, never ended. One that came whole is delivered; what its receiver says
// from now on has nowhere to go.
void Relay::on_link_end() {
  if (!fin_received_) return on_reset(core::Reason::cancelled);
  flow_ = nullptr;
  unread_ = !std::exchange(eof_read_, true);
  watch_errors();
  after_drain();
}

void Relay::last_call(core::LastCall::Terms terms) {
  if (last_call_ || eof_read_ || !attached_ || !socket_.is_open()) return;
  last_call_ = std::make_unique<core::LastCall>(terms, bytes_received(socket_.native_handle()));
}

core::Undelivered Relay::unsent(core::Time now) {
  if (!last_call_ || eof_read_ || !socket_.is_open()) return {};
  const int socket = socket_.native_handle();
  const auto waiting = bytes_received(socket);
  if (last_call_->look(now, waiting, end_has_come(socket))) return {};
  // It may have stopped where more counts after all.
  if (flow_ != nullptr && !read_waiting_) mux_->ready(*flow_);
  return {.bytes = waiting, .connections = 1};
}

Delivery::State Relay::delivery() {
  State state;
  if (over_) return state;
  const auto kept = attached_ && socket_.is_open() ? bytes_unacknowledged(socket_.native_handle()) : 0;
  // Bytes in the kernel are lost by a reset, which is how all but a whole stream ends.
  state.left.bytes = backlog_.size() + (fin_received_ ? 0 : kept);
  const bool end_waits = fin_received_ && (!attached_ || !backlog_.empty());
  if (state.left.bytes > 0 || end_waits) state.left.connections = 1;
  if (!state.left.none()) state.left.destination = peer_;
  state.waiting = backlog_.size() + kept;
  return state;
}

void Relay::break_off(error_code error) {
  if (flow_ != nullptr) {
    log_.debug("flow broken off", LogFlow(flow_->request, flow_->id), {{"error", error.message()}});
    mux_->reset(*std::exchange(flow_, nullptr), reason_of(error));
  }
  drop();
}

// Something is left that was not delivered, so the connection is reset. A flow ends with its link, not with this.
void Relay::let_go() {
  if (!over_ && flow_ == nullptr) drop();
}

// Closing resets the connection, since prepare() asked for that.
void Relay::drop() {
  over_ = true;
  backlog_.clear();
  error_code ignored;
  socket_.close(ignored);
  if (on_abandoned_) std::exchange(on_abandoned_, nullptr)();
}

std::string Relay::describe() const {
  std::string words = attached_ ? "" : "connecting";
  if (!backlog_.empty()) words += (words.empty() ? "" : ", ") + std::to_string(backlog_.size()) + " bytes buffered";
  if (eof_read_) words += (words.empty() ? "" : ", ") + std::string("application half-closed");
  return words;
}

}  // namespace tfunnel::io
