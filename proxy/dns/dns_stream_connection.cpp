#include "proxy/dns/dns_stream_connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/write.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <new>
#include <utility>

#include "common/io/socket_options.hpp"
#include "proxy/io/cleared_slot.hpp"
#include "proxy/io/coroutine_stack.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

// How exactly times are kept.
constexpr core::Duration longest_tick = std::chrono::milliseconds(500);

}  // namespace

DnsStreamConnection::DnsStreamConnection(asio::io_context& context, Egress& egress, const core::Endpoint& server,
                                         core::Duration idle, Events events, core::Charge charge)
    : context_(context),
      egress_(egress),
      server_(server),
      idle_(idle),
      events_(std::move(events)),
      charge_(std::move(charge)),
      socket_(context),
      timer_(context),
      last_use_(Clock::now()),
      last_heard_(last_use_) {}

void DnsStreamConnection::start() {
  tick();
  try {
    asio::spawn(
        context_, std::allocator_arg, coroutine_stack(),
        [self = shared_from_this()](asio::yield_context yield) { self->run(yield); },
        asio::bind_cancellation_slot(connect_.slot(), [self = shared_from_this()](const std::exception_ptr& failure) {
          // Nothing is left to cancel.
          self->connecting_ = false;
          // The unforeseen ends this connection only.
          if (failure) self->over(asio::error::fault);
        }));
  } catch (const std::bad_alloc&) {
    over(asio::error::no_buffer_space);
  }
}

void DnsStreamConnection::run(const asio::yield_context& yield) {
  // It may have been closed before it began.
  if (over_) return;
  connecting_ = true;
  auto made = egress_.connect({{}, server_, {}}, yield);
  connecting_ = false;
  if (over_) return;
  if (!made) return over(made.error());
  socket_ = std::move(*made);
  io::prepare(socket_);
  connected_ = true;
  last_heard_ = Clock::now();
  write();
  std::array<std::uint8_t, 4096> buffer{};
  const ClearedSlot cleared(yield);
  for (;;) {
    error_code error;
    const auto size = socket_.async_read_some(asio::buffer(buffer), yield[error]);
    if (over_) return;
    if (error) return over(error);
    last_heard_ = Clock::now();
    if (!receive(core::ByteView(buffer).first(size))) return over(asio::error::connection_reset);
    if (over_) return;
  }
}

bool DnsStreamConnection::receive(core::ByteView bytes) {
  using State = dns::Framing::State;
  while (!bytes.empty() && framing_.state() != State::broken) {
    bytes = bytes.subspan(framing_.feed(bytes));
    if (framing_.state() == State::whole) on_message(framing_.take());
  }
  return framing_.state() != State::broken;
}

// A message that answers no query of ours came too late, or is not for us: either way it does no harm.
void DnsStreamConnection::on_message(dns::Message message) {
  const auto found = pending_.find(dns::id_of(message));
  if (found == pending_.end()) return;
  const auto client_id = dns::id_of(found->second.query);
  dns::set_id(message, client_id);
  if (!dns::answers(message, found->second.query)) return;
  auto pending = std::move(found->second);
  pending_.erase(found);
  events_.answered(pending, std::move(message));
}

// The caller keeps the number pending far below the number of ids.
void DnsStreamConnection::send(DnsPending pending) {
  while (pending_.contains(++last_id_)) {
  }
  auto message = dns::framed(pending.query);
  message[2] = static_cast<std::uint8_t>(last_id_ >> 8);
  message[3] = static_cast<std::uint8_t>(last_id_ & 0xff);
  outbox_.insert(outbox_.end(), message.begin(), message.end());
  pending_.emplace(last_id_, std::move(pending));
  last_use_ = Clock::now();
  if (connected_) write();
}

void DnsStreamConnection::write() {
  if (!writing_.empty() || outbox_.empty() || over_) return;
  writing_ = std::exchange(outbox_, {});
  asio::async_write(socket_, asio::buffer(writing_), [self = shared_from_this()](error_code error, std::size_t) {
    if (self->over_) return;
    if (error) return self->over(error);
    self->writing_.clear();
    self->write();
  });
}

void DnsStreamConnection::tick() {
  timer_.expires_after(std::min(idle_ / 4, longest_tick));
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (error || self->over_) return;
    self->expire(Clock::now());
    if (!self->over_) self->tick();
  });
}

// A connection on which a query goes unanswered and nothing else is heard either is dead: queries that came later get
// another one. While it is being made its age says nothing, and its maker has a limit.
void DnsStreamConnection::expire(core::Time now) {
  bool silent = false;
  for (auto at = pending_.begin(); at != pending_.end();) {
    if (at->second.until > now) {
      ++at;
      continue;
    }
    auto pending = std::move(at->second);
    at = pending_.erase(at);
    silent = true;
    events_.answered(pending, error_code(asio::error::timed_out));
    if (over_) return;
  }
  if (!pending_.empty()) last_use_ = now;
  const bool dead = silent && connected_ && now - last_heard_ > idle_ / 2;
  const bool idle = pending_.empty() && now - last_use_ >= idle_;
  if (dead || idle) over(asio::error::timed_out);
}

std::vector<DnsPending> DnsStreamConnection::take_pending() {
  std::vector<DnsPending> all;
  for (auto& [id, pending] : pending_) all.push_back(std::move(pending));
  pending_.clear();
  return all;
}

void DnsStreamConnection::over(error_code error) {
  if (std::exchange(over_, true)) return;
  timer_.cancel();
  charge_.clear();
  if (connecting_) connect_.emit(asio::cancellation_type::terminal);
  error_code ignored;
  io::end_gracefully(socket_);
  socket_.close(ignored);
  events_.ended(*this, error);
}

}  // namespace tfunnel::proxy
