#include "proxy/dns/dns_stream_session.hpp"

#include <array>
#include <utility>

#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"
#include "common/io/socket_queues.hpp"

namespace tfunnel::proxy {

namespace {

// Copies of a query while it is asked.
constexpr std::size_t copies = 4;

}  // namespace

DnsStreamSession::DnsStreamSession(tcp::socket socket, Ask ask, core::Charge charge)
    : Delivery(socket.get_executor().context()),
      socket_(std::move(socket)),
      ask_(std::move(ask)),
      charge_(std::move(charge)),
      idle_(socket_.get_executor()) {
  io::prepare(socket_);
}

void DnsStreamSession::start() { go_on(); }

// All that an event may have made possible.
void DnsStreamSession::go_on() {
  if (!over_) write();
  if (over_) return;
  const bool busy = asked_ > 0 || !outbox_.empty();
  if (!busy && unanswered_) return reset();
  if (!busy && read_all_) return close();
  if (!busy) watch_idle();
  if (!read_all_ && asked_ < most_asked && outbox_.size() < most_waiting) read_later();
}

void DnsStreamSession::read_later() {
  if (std::exchange(reading_, true)) return;
  socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code error) {
    self->reading_ = false;
    if (error || self->over_) return;
    self->read();
    self->go_on();
  });
}

void DnsStreamSession::read() {
  std::array<std::uint8_t, 4096> buffer;
  error_code error;
  const auto size = socket_.read_some(asio::buffer(buffer), error);
  if (io::is_transient(error)) return;
  if (error == asio::error::eof) {
    read_all_ = true;
  } else if (error) {
    reset();
  } else {
    idle_.cancel();
    take(core::ByteView(buffer).first(size));
  }
}

void DnsStreamSession::take(core::ByteView bytes) {
  using Framing = dns::Framing::State;
  if (!charge(bytes.size())) return;
  while (!bytes.empty() && !over_) {
    const auto used = framing_.feed(bytes);
    partial_ += used;
    bytes = bytes.subspan(used);
    if (framing_.state() == Framing::broken) return reset();
    if (framing_.state() != Framing::whole) continue;
    partial_ = 0;
    ask(framing_.take());
  }
}

void DnsStreamSession::ask(dns::Message query) {
  if (!dns::is_query(query) || !charge(copies * query.size())) return reset();
  ++asked_;
  asked_bytes_ += copies * query.size();
  const auto shared = std::make_shared<dns::Message>(std::move(query));
  ask_(*shared, [self = shared_from_this(), shared](const result<dns::Message>& found) {
    --self->asked_;
    self->asked_bytes_ -= copies * shared->size();
    if (self->over_) return;
    self->answer(*shared, found);
    self->go_on();
  });
}

void DnsStreamSession::answer(const dns::Message& query, const result<dns::Message>& answer) {
  if (!answer && is_silence(answer.error())) {
    unanswered_ = true;
    return;
  }
  const auto message = dns::framed(answer ? *answer : dns::failure(query, dns::Rcode::server_failure));
  if (charge(message.size())) outbox_.append(message);
}

bool DnsStreamSession::charge(std::size_t more) {
  const auto wanted = cost + asked_bytes_ + partial_ + outbox_.size() + more;
  if (charge_.resize(wanted)) return true;
  reset();
  return false;
}

void DnsStreamSession::write() {
  while (!outbox_.empty() && !writing_) {
    const auto bytes = outbox_.front();
    error_code error;
    const auto count = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
    if (io::is_transient(error)) {
      writing_ = true;
      socket_.async_wait(tcp::socket::wait_write, [self = shared_from_this()](error_code) {
        self->writing_ = false;
        self->go_on();
      });
      return;
    }
    if (error) return reset();
    outbox_.consume(count);
  }
}

// A connection that nobody uses is ended by the server (RFC 7766, 6.2.3).
void DnsStreamSession::watch_idle() {
  idle_.expires_after(longest_idle);
  idle_.async_wait([self = shared_from_this()](error_code error) {
    const bool busy = self->asked_ > 0 || !self->outbox_.empty();
    if (!error && !self->over_ && !busy) self->close();
  });
}

// Bytes that have come and were not read would turn the end into a reset.
void DnsStreamSession::close() {
  io::discard_received(socket_.native_handle());
  io::end_gracefully(socket_);
  reset();
}

void DnsStreamSession::reset() {
  if (std::exchange(over_, true)) return;
  idle_.cancel();
  charge_.clear();
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace tfunnel::proxy
