#include "proxy/socks5/socks5_datagrams.hpp"

#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <new>
#include <utility>

#include "common/io/errors.hpp"
#include "common/io/socket_mark.hpp"
#include "proxy/io/coroutine_stack.hpp"
#include "proxy/socks5/socks5_address.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

// The part of a stack that is touched, with the handshake's own and all else that belongs to it (measured: 18 KB).
constexpr std::size_t association_cost = 18U << 10;
constexpr int datagram_buffer = 1 << 20;
// Datagrams in a row before others get their turn in the event loop.
constexpr int most_datagrams_in_a_row = 64;
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
  if (!error) error = io::SocketMark::of(socket.get_executor().context()).apply(socket.native_handle());
  if (error) return error;
  socket.connect(relay, error);
  if (error) return io::any_port_error(error);
  socket.non_blocking(true, error);
  return error;
}

}  // namespace

void Socks5Association::send(const core::Endpoint& peer, core::ByteView payload) {
  last_peer_ = peer;
  if (connected_) return send_to_relay(peer, payload);
  wait_for_association(peer, payload);
  if (!attempt_) associate();
}

void Socks5Association::wait_for_association(const core::Endpoint& peer, core::ByteView payload) {
  if (waiting_.size() >= most_waiting) {
    waiting_.pop_front();
    ++flow_.mux().counters().datagrams_dropped;
  }
  core::Charge charge(flow_.mux().budget().services());
  // A flow that has several gives up its own oldest first.
  while (!charge.resize(payload.size() + sizeof(Waiting))) {
    ++flow_.mux().counters().datagrams_dropped;
    if (waiting_.empty()) return;
    waiting_.pop_front();
  }
  waiting_.push_back({peer, {payload.begin(), payload.end()}, std::move(charge)});
}

void Socks5Association::associate() {
  attempt_charge_ = core::Charge(flow_.mux().budget().services());
  if (!attempt_charge_.resize(association_cost)) return lose(core::Reason::resource_limit);
  attempt_ = std::make_unique<asio::cancellation_signal>();
  around_.reserve.refill(flow_.flow());
  flow_.mux().holds_descriptor(*flow_.flow());
  try {
    associate_in_coroutine();
  } catch (const std::bad_alloc&) {
    lose(core::Reason::resource_limit);
  }
}

void Socks5Association::associate_in_coroutine() {
  const auto flow = flow_.shared_from_this();
  asio::spawn(
      around_.context, std::allocator_arg, coroutine_stack(),
      [this, flow](asio::yield_context yield) { associate_in(yield); },
      asio::bind_cancellation_slot(attempt_->slot(), [this, flow](const std::exception_ptr& failure) {
        attempt_charge_.clear();
        // A flow that was given up ends its coroutine wherever that is.
        if (!failure || (flow->over() && waiting_.empty())) return;
        // The unforeseen ends this flow only.
        try {
          std::rethrow_exception(failure);
        } catch (const std::exception& exception) {
          around_.log.about_flow(io::LogLevel::error, std::string("a SOCKS5 association failed: ") + exception.what());
        }
        lose(core::Reason::unspecified);
      }));
}

void Socks5Association::associate_in(const asio::yield_context& yield) {
  if (flow_.over() && waiting_.empty()) return;
  std::string words;
  auto dialled = dial(words, yield);
  if (flow_.over() && waiting_.empty()) return;
  if (!dialled) return lose(io::reason_of(dialled.error()), words);
  if (const auto error = join(std::move(*dialled))) {
    around_.log.about_flow(io::LogLevel::warning, "no socket to the SOCKS5 proxy's relay: " + error.message());
    return lose(io::is_exhaustion(error) ? core::Reason::resource_limit : core::Reason::upstream_refused);
  }
  const bool was_over = flow_.over();
  if (!was_over) {
    watch_control();
    wait_readable();
  }
  for (const auto& waiting : std::exchange(waiting_, {})) {
    if (flow_.over() == was_over) send_to_relay(waiting.peer, waiting.payload);
  }
  if (was_over) close();
}

result<Socks5Client::Dialled> Socks5Association::dial(std::string& words, const asio::yield_context& yield) {
  // Also where the coroutine is unwound.
  struct Mark {
    bool& set;
    ~Mark() { set = false; }
  } const mark{dialling_ = true};
  // All zeros: we do not know yet where our datagrams will seem to come from.
  const Socks5Address anywhere{{core::Address::v4({}), 0}, {}};
  const auto about =
      flow_.over() ? io::LogField{"transport", "udp"} : io::LogField{"source", flow_.flow()->request.source.text()};
  return around_.client.dial(Socks5Command::udp_associate, anywhere, about, yield, AskAgain::never, &words);
}

error_code Socks5Association::join(Socks5Client::Dialled dialled) {
  error_code error;
  auto relay = dialled.bound.endpoint;
  const auto unspecified = io::to_asio(relay.address).is_unspecified();
  if (unspecified) relay.address = io::from_asio(dialled.socket.remote_endpoint(error)).address;
  if (error) return error;
  const auto endpoint = io::to_asio<udp>(relay);
  udp::socket socket(around_.context);
  error = around_.reserve.make([&] { return connect(socket, endpoint); }, flow_.flow());
  if (error) return error;
  error_code ignored;
  socket.set_option(asio::socket_base::receive_buffer_size(datagram_buffer), ignored);
  connected_ = std::make_unique<Connected>(Connected{std::move(dialled.socket), std::move(socket)});
  return error;
}

void Socks5Association::send_to_relay(const core::Endpoint& peer, core::ByteView payload) {
  const auto header = socks5_datagram_header(peer);
  sent_at_ = Clock::now();
  const std::array<asio::const_buffer, 2> parts{asio::buffer(header), asio::buffer(payload.data(), payload.size())};
  error_code error;
  connected_->relay.send(parts, 0, error);
  // The error of an earlier datagram is reported once by the next call, which then sent nothing.
  if (error == asio::error::connection_refused) connected_->relay.send(parts, 0, error);
  if (!error || flow_.over()) return;
  if (io::is_transient(error) || error == asio::error::message_size) {
    ++flow_.mux().counters().datagrams_dropped;
  } else {
    flow_.undeliverable(peer, core::Reason::upstream_refused);
  }
}

// The proxy never sends anything here; whatever can be read is the end.
void Socks5Association::watch_control() {
  connected_->control.async_wait(tcp::socket::wait_read, [this, flow = flow_.shared_from_this()](error_code error) {
    if (error || flow->over()) return;
    around_.log.about_flow(io::LogLevel::info, "the SOCKS5 proxy ended an association",
                           io::LogFlow(flow->flow()->request, flow->flow()->id));
    lose(core::Reason::upstream_refused);
  });
}

void Socks5Association::wait_readable() {
  connected_->relay.async_wait(udp::socket::wait_read, [this, flow = flow_.shared_from_this()](error_code error) {
    if (!error && !flow->over()) read();
  });
}

void Socks5Association::read() {
  std::array<std::uint8_t, largest_datagram> buffer;
  for (int i = 0; i < most_datagrams_in_a_row; ++i) {
    error_code error;
    const auto size = connected_->relay.receive(asio::buffer(buffer), 0, error);
    if (io::is_transient(error)) break;
    // Any other error was an ICMP message about an earlier datagram.
    if (error) continue;
    if (const auto datagram = socks5_parse_datagram(core::ByteView(buffer).first(size))) {
      flow_.received(datagram->peer, datagram->payload);
    } else {
      ++flow_.mux().counters().datagrams_dropped;
    }
  }
  wait_readable();
}

void Socks5Association::lose(core::Reason reason, std::string_view words) {
  if (flow_.over()) {
    const auto lost = std::exchange(waiting_, {}).size();
    if (lost > 0) {
      around_.log.about_flow(io::LogLevel::warning,
                             "cut, since there is no association: " + std::to_string(lost) + " datagrams");
    }
    return;
  }
  for (const auto& waiting : std::exchange(waiting_, {})) {
    if (waiting.peer != last_peer_) flow_.undeliverable(waiting.peer, reason);
  }
  flow_.undeliverable(last_peer_, reason);
  flow_.break_off(reason, words);
}

// A flow is ended after so long a silence that waiting datagrams are of no use. Pending operations hold the flow;
// closing lets them end. The signal must not be given when there is nothing left to cancel: it still knows the last
// operation's socket, which is gone then.
void Socks5Association::on_over(bool link_ended) {
  if (!link_ended) waiting_.clear();
  if (dialling_ && waiting_.empty()) attempt_->emit(asio::cancellation_type::terminal);
  if (connected_) close();
}

void Socks5Association::close() {
  error_code ignored;
  connected_->relay.cancel(ignored);
  connected_->control.cancel(ignored);
  closing_.emplace(around_.context, sent_at_ + relay_reads_within);
  closing_->async_wait([this, flow = flow_.shared_from_this()](error_code) { connected_.reset(); });
}

// What waits is lost. An attempt that nothing waits for was given up before.
void Socks5Association::let_go() {
  if (!flow_.over()) return;
  const bool wanted = !std::exchange(waiting_, {}).empty();
  if (wanted && dialling_) attempt_->emit(asio::cancellation_type::terminal);
  if (closing_) closing_->cancel();
}

io::Delivery::State Socks5Association::delivery() {
  State state;
  state.left.datagrams = waiting_.size() + (flow_.over() && connected_ ? 1 : 0);
  if (!state.left.none()) state.left.destination = last_peer_;
  return state;
}

std::string Socks5Association::describe(std::string words) const {
  return (connected_ ? "by SOCKS5" : "associating by SOCKS5") + (words.empty() ? "" : ", " + words);
}

}  // namespace tfunnel::proxy
