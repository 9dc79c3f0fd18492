#include "proxy/socks5_datagrams.hpp"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <new>
#include <utility>

#include "common/io/errors.hpp"
#include "proxy/socks5_address.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t stack_size = 64U << 10;
// The part of that which is touched, with the handshake's own and all else that belongs to it (measured: 18 KB).
constexpr std::size_t attempt_cost = 18U << 10;
constexpr int receive_buffer = 1 << 20;
// Datagrams in a row before others get their turn in the event loop.
constexpr int most_in_a_row = 64;
// Datagrams that may wait for an association; more are lost, as in a router's queue.
constexpr std::size_t most_waiting = 16;
constexpr std::size_t largest_datagram = 65'535;
// How long the relay may take to read what was sent to it: with the control connection it forgets the association (RFC
// 1928, 7), and what it has not read yet.
constexpr auto relay_reads_within = std::chrono::milliseconds(100);

// Connected, so that only the relay's datagrams come in.
error_code connect(udp::socket& socket, const udp::endpoint& relay) {
  error_code error;
  socket.close(error);
  socket.open(relay.protocol(), error);
  if (error) return error;
  socket.connect(relay, error);
  if (error) return io::any_port_error(error);
  socket.non_blocking(true, error);
  return error;
}

}  // namespace

void Socks5UdpEnd::deliver(const core::Endpoint& peer, core::ByteView payload) {
  last_peer_ = peer;
  if (association_) return send_to_relay(peer, payload);
  wait_for_association(peer, payload);
  if (!attempt_) associate();
}

void Socks5UdpEnd::wait_for_association(const core::Endpoint& peer, core::ByteView payload) {
  if (waiting_.size() >= most_waiting) {
    waiting_.pop_front();
    ++mux_.counters().datagrams_dropped;
  }
  core::Charge charge(mux_.budget().services());
  // A flow that has several gives up its own oldest first.
  while (!charge.resize(payload.size() + sizeof(Waiting))) {
    ++mux_.counters().datagrams_dropped;
    if (waiting_.empty()) return;
    waiting_.pop_front();
  }
  waiting_.push_back({peer, {payload.begin(), payload.end()}, std::move(charge)});
}

void Socks5UdpEnd::associate() {
  attempt_charge_ = core::Charge(mux_.budget().services());
  if (!attempt_charge_.resize(attempt_cost)) return lose(core::Reason::resource_limit);
  attempt_ = std::make_unique<asio::cancellation_signal>();
  around_.reserve.refill(flow_);
  mux_.holds_descriptor(*flow_);
  try {
    associate_in_coroutine();
  } catch (const std::bad_alloc&) {
    lose(core::Reason::resource_limit);
  }
}

void Socks5UdpEnd::associate_in_coroutine() {
  const auto self = std::static_pointer_cast<Socks5UdpEnd>(shared_from_this());
  asio::spawn(
      around_.context, std::allocator_arg, boost::context::fixedsize_stack(stack_size),
      [self](asio::yield_context yield) { self->associate_in(yield); },
      asio::bind_cancellation_slot(attempt_->slot(), [self](const std::exception_ptr& failure) {
        self->attempt_charge_.clear();
        // A flow that was given up ends its coroutine wherever that is.
        if (!failure || (self->over() && self->waiting_.empty())) return;
        // The unforeseen ends this flow only.
        try {
          std::rethrow_exception(failure);
        } catch (const std::exception& exception) {
          self->around_.log.about_flow(io::LogLevel::error,
                                       std::string("a SOCKS5 association failed: ") + exception.what());
        }
        self->lose(core::Reason::unspecified);
      }));
}

void Socks5UdpEnd::associate_in(const asio::yield_context& yield) {
  if (over() && waiting_.empty()) return;
  // All zeros: we do not know yet where our datagrams will seem to come from.
  const Socks5Address anywhere{{core::Address::v4({}), 0}, {}};
  dialling_ = true;
  const auto flow = over() ? "udp" : flow_->request.text();
  std::string words;
  auto dialled = client_.dial(Socks5Command::udp_associate, anywhere, flow, yield, AskAgain::never, &words);
  dialling_ = false;
  if (over() && waiting_.empty()) return;
  if (!dialled) return lose(io::reason_of(dialled.error()), words);
  if (const auto error = join(std::move(*dialled))) {
    around_.log.about_flow(io::LogLevel::warning, "no socket to the SOCKS5 proxy's relay: " + error.message());
    return lose(io::is_exhaustion(error) ? core::Reason::resource_limit : core::Reason::upstream_refused);
  }
  const bool was_over = over();
  if (!was_over) {
    watch_control();
    wait_readable();
  }
  for (const auto& waiting : std::exchange(waiting_, {})) {
    if (over() == was_over) send_to_relay(waiting.peer, waiting.payload);
  }
  if (was_over) close_association();
}

error_code Socks5UdpEnd::join(Socks5Client::Dialled dialled) {
  error_code error;
  auto relay = dialled.bound.endpoint;
  const auto unspecified = io::to_asio(relay.address).is_unspecified();
  if (unspecified) relay.address = io::from_asio(dialled.socket.remote_endpoint(error)).address;
  if (error) return error;
  const auto endpoint = io::to_asio<udp>(relay);
  udp::socket socket(around_.context);
  error = around_.reserve.make([&] { return connect(socket, endpoint); }, flow_);
  if (error) return error;
  error_code ignored;
  socket.set_option(asio::socket_base::receive_buffer_size(receive_buffer), ignored);
  association_ = std::make_unique<Association>(Association{std::move(dialled.socket), std::move(socket)});
  return error;
}

void Socks5UdpEnd::send_to_relay(const core::Endpoint& peer, core::ByteView payload) {
  const auto header = socks5_datagram_header(peer);
  sent_at_ = Clock::now();
  const std::array<asio::const_buffer, 2> parts{asio::buffer(header), asio::buffer(payload.data(), payload.size())};
  error_code error;
  association_->relay.send(parts, 0, error);
  // The error of an earlier datagram is reported once by the next call, which then sent nothing.
  if (error == asio::error::connection_refused) association_->relay.send(parts, 0, error);
  if (!error || over()) return;
  if (io::is_transient(error) || error == asio::error::message_size) {
    ++mux_.counters().datagrams_dropped;
  } else {
    undeliverable(peer, core::Reason::upstream_refused);
  }
}

// The proxy never sends anything here; whatever can be read is the end.
void Socks5UdpEnd::watch_control() {
  association_->control.async_wait(
      tcp::socket::wait_read, [self = std::static_pointer_cast<Socks5UdpEnd>(shared_from_this())](error_code error) {
        if (error || self->over()) return;
        self->around_.log.about_flow(io::LogLevel::info, "the SOCKS5 proxy ended an association",
                                     {{"flow", self->flow_->request.text()}});
        self->lose(core::Reason::upstream_refused);
      });
}

void Socks5UdpEnd::wait_readable() {
  association_->relay.async_wait(udp::socket::wait_read,
                                 [self = std::static_pointer_cast<Socks5UdpEnd>(shared_from_this())](error_code error) {
                                   if (!error && !self->over()) self->read();
                                 });
}

void Socks5UdpEnd::read() {
  std::array<std::uint8_t, largest_datagram> buffer;
  for (int i = 0; i < most_in_a_row; ++i) {
    error_code error;
    const auto size = association_->relay.receive(asio::buffer(buffer), 0, error);
    if (io::is_transient(error)) break;
    // Any other error was an ICMP message about an earlier datagram.
    if (error) continue;
    if (const auto datagram = socks5_parse_datagram(core::ByteView(buffer).first(size))) {
      received(datagram->peer, datagram->payload);
    } else {
      ++mux_.counters().datagrams_dropped;
    }
  }
  wait_readable();
}

void Socks5UdpEnd::lose(core::Reason reason, std::string_view words) {
  if (over()) {
    const auto lost = std::exchange(waiting_, {}).size();
    if (lost > 0) {
      around_.log.about_flow(io::LogLevel::warning,
                             "cut, since there is no association: " + std::to_string(lost) + " datagrams");
    }
    return;
  }
  for (const auto& waiting : std::exchange(waiting_, {})) {
    if (waiting.peer != last_peer_) undeliverable(waiting.peer, reason);
  }
  undeliverable(last_peer_, reason);
  auto& flow = *std::exchange(flow_, nullptr);
  on_over();
  // May release the last owner but the caller.
  mux_.reset(flow, reason, words);
}

// A flow is ended after so long a silence that waiting datagrams are of no use.
void Socks5UdpEnd::on_fin() {
  waiting_.clear();
  UdpEnd::on_fin();
}

void Socks5UdpEnd::on_reset(core::Reason reason) {
  waiting_.clear();
  UdpEnd::on_reset(reason);
}

void Socks5UdpEnd::on_link_end() { UdpEnd::on_reset(core::Reason::cancelled); }

// Pending operations hold this object; closing lets it end. The signal must not be given when there is nothing left
// to cancel: it still knows the last operation's socket, which is gone then.
void Socks5UdpEnd::on_over() {
  UdpEnd::on_over();
  if (dialling_ && waiting_.empty()) attempt_->emit(asio::cancellation_type::terminal);
  if (association_) close_association();
}

void Socks5UdpEnd::close_association() {
  error_code ignored;
  association_->relay.cancel(ignored);
  association_->control.cancel(ignored);
  const auto timer = std::make_shared<asio::steady_timer>(around_.context, sent_at_ + relay_reads_within);
  timer->async_wait([self = std::static_pointer_cast<Socks5UdpEnd>(shared_from_this()), timer](error_code) {
    self->association_.reset();
  });
}

io::Delivery::State Socks5UdpEnd::delivery() {
  State state;
  state.left.datagrams = waiting_.size() + (over() && association_ ? 1 : 0);
  if (!state.left.none()) state.left.destination = last_peer_;
  return state;
}

std::string Socks5UdpEnd::describe() const {
  const auto words = UdpEnd::describe();
  return (association_ ? "by SOCKS5" : "associating by SOCKS5") + (words.empty() ? "" : ", " + words);
}

std::shared_ptr<core::FlowHandler> Socks5Datagrams::add(core::Flow& flow) {
  auto end = std::make_shared<Socks5UdpEnd>(around_, client_, *mux_);
  end->bind(flow, Clock::now());
  return end;
}

}  // namespace tfunnel::proxy
