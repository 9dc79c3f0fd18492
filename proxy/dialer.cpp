#include "proxy/dialer.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/context/fixedsize_stack.hpp>

#include "common/io/errors.hpp"
#include "proxy/io/coroutine_stack.hpp"

namespace tfunnel::proxy {

namespace {

// The part of its stack that an attempt really touches, with all that belongs to it (measured: 7.7 KB).
constexpr std::size_t attempt_cost = 8U << 10;

/// One attempt to connect. Its memory is charged, or a client that asks for flows to a silent host could take any
/// amount of it for a minute.
struct Attempt {
  explicit Attempt(core::Charge charge_) : charge(std::move(charge_)) {}

  core::Charge charge;
  asio::cancellation_signal cancel;
};

}  // namespace

Dialer::Dialer(asio::io_context& context, Egress& egress, UdpFlows& datagrams, DescriptorReserve& reserve,
               const io::Log& log, Namer* namer)
    : context_(context), egress_(egress), datagrams_(datagrams), reserve_(reserve), log_(log), namer_(namer) {}

void Dialer::serve(core::Mux& mux) {
  mux_ = &mux;
  datagrams_.serve(mux);
}

std::shared_ptr<core::FlowHandler> Dialer::accept(core::Flow& flow) {
  if (!spare_memory_.for_a_flow()) {
    mux_->refuse(flow);
    return nullptr;
  }
  log_.debug("open", io::LogFlow(flow.request, flow.id));
  if (flow.request.transport == core::Transport::udp) return datagrams_.add(flow);
  return dial(flow);
}

result<tcp::socket> Dialer::connect(Target target, io::Relay& relay, const asio::yield_context& yield) {
  if (namer_ == nullptr || !egress_.wants_name(target)) return connect_once(target, yield);
  auto naming = namer_->find(target, relay, yield);
  if (!naming) return naming.error();
  target.name = naming->first;
  if (naming->second) target.asks_again = naming->doubtful ? AskAgain::if_forbidden : AskAgain::if_refused;
  auto socket = connect_once(target, yield);
  if (socket || socket.error() != refused_as_called()) return socket;
  target.name = *naming->second;
  target.asks_again = AskAgain::never;
  socket = connect_once(target, yield);
  if (socket) namer_->second_worked(target, *naming);
  return socket;
}

result<tcp::socket> Dialer::connect_once(const Target& target, const asio::yield_context& yield) {
  reserve_.refill();
  auto socket = egress_.connect(target, yield);
  if (!socket && reserve_.relieve(socket.error())) socket = egress_.connect(target, yield);
  return socket;
}

/// The whole set-up of one connection, run as a coroutine.
void Dialer::dial_flow(const Target& target, const std::shared_ptr<io::Relay>& relay,
                       const asio::yield_context& yield) {
  std::string words;
  Target asked = target;
  asked.words = &words;
  auto socket = connect(std::move(asked), *relay, yield);
  if (!relay->wants_connection()) return;
  if (!socket) {
    relay->fail(io::reason_of(socket.error()), words);
    return;
  }
  // The address may have got its name only now.
  keep_name(*relay, target.destination);
  relay->attach_made(std::move(*socket));
}

void Dialer::keep_name(io::Relay& relay, const core::Endpoint& destination) {
  if (virtual_names_ != nullptr) relay.accompany(virtual_names_->flow_to(destination.address));
}

// A relay that is given up cancels the coroutine, wherever that is.
std::shared_ptr<core::FlowHandler> Dialer::dial(core::Flow& flow) {
  core::Charge charge(mux_->budget().connections());
  if (!charge.resize(attempt_cost)) {
    mux_->refuse(flow);
    return nullptr;
  }
  const auto attempt = std::make_shared<Attempt>(std::move(charge));
  const auto relay =
      std::make_shared<io::Relay>(context_, std::shared_ptr<core::Mux>(std::shared_ptr<void>(), mux_), log_);
  relay->bind(flow, flow.request.destination);
  keep_name(*relay, flow.request.destination);
  relay->on_abandoned([attempt] { attempt->cancel.emit(asio::cancellation_type::terminal); });
  asio::spawn(
      context_, std::allocator_arg, coroutine_stack(),
      [this, target = Target{flow.request.source, flow.request.destination, {}, &mux_->budget()}, relay,
       attempt](asio::yield_context yield) { dial_flow(target, relay, yield); },
      asio::bind_cancellation_slot(attempt->cancel.slot(), [this, relay, attempt](const std::exception_ptr& failure) {
        // A flow that was given up ends its coroutine wherever that is.
        if (!failure || !relay->wants_connection()) return;
        // The unforeseen ends this flow only.
        try {
          std::rethrow_exception(failure);
        } catch (const std::exception& exception) {
          log_.about_flow(io::LogLevel::error, std::string("setting a flow up failed: ") + exception.what());
        }
        relay->fail(core::Reason::unspecified);
      }));
  return relay;
}

}  // namespace tfunnel::proxy
