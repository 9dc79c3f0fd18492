#include "proxy/dialer.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/context/fixedsize_stack.hpp>

#include "common/io/errors.hpp"

namespace tfunnel::proxy {

namespace {

// A dialling coroutine calls into Asio and, in other egresses, into TLS; 64 KiB leaves room for both.
constexpr std::size_t stack_size = 64U << 10;

/// The whole set-up of one connection, run as a coroutine.
void dial_flow(Egress& egress, const Target& target, const std::shared_ptr<io::Relay>& relay, core::Mux& mux,
               core::Flow*& flow, const asio::yield_context& yield) {
  auto socket = egress.connect(target, yield);
  if (flow == nullptr) return;
  if (!socket) {
    relay->fail(io::reason_of(socket.error()));
    return;
  }
  error_code error;
  const auto local = socket->local_endpoint(error);
  mux.opened(*flow, io::from_asio(local));
  relay->attach(std::move(*socket));
}

}  // namespace

Dialer::Dialer(asio::io_context& context, Egress& egress, DatagramEgress& datagrams, const io::Log& log)
    : context_(context), egress_(egress), datagrams_(datagrams), log_(log) {}

void Dialer::serve(core::Mux& mux, io::Stage* stage) {
  mux_ = &mux;
  stage_ = stage;
  datagrams_.serve(mux);
}

std::shared_ptr<core::FlowHandler> Dialer::accept(core::Flow& flow) {
  log_.debug("open " + flow.request.text());
  if (flow.request.transport == core::Transport::udp) return datagrams_.add(flow);
  return dial(flow);
}

// The coroutine and the relay know of each other only through `attempt`: whichever ends first clears it.
std::shared_ptr<core::FlowHandler> Dialer::dial(core::Flow& flow) {
  struct Attempt {
    core::Flow* flow;
    asio::cancellation_signal cancel;
  };
  const auto attempt = std::make_shared<Attempt>();
  attempt->flow = &flow;
  const auto relay = std::make_shared<io::Relay>(context_, *mux_, stage_, log_);
  relay->bind(flow);
  relay->on_abandoned([attempt] {
    attempt->flow = nullptr;
    attempt->cancel.emit(asio::cancellation_type::terminal);
  });
  asio::spawn(
      context_, std::allocator_arg, boost::context::fixedsize_stack(stack_size),
      [this, target = Target{flow.request.source, flow.request.destination, {}}, relay,
       attempt](asio::yield_context yield) { dial_flow(egress_, target, relay, *mux_, attempt->flow, yield); },
      asio::bind_cancellation_slot(attempt->cancel.slot(), [this, relay, attempt](const std::exception_ptr& failure) {
        // A coroutine that was cancelled just when a step had succeeded is ended by an exception at its next one.
        if (!failure || attempt->flow == nullptr) return;
        // The unforeseen ends this flow only.
        try {
          std::rethrow_exception(failure);
        } catch (const std::exception& exception) {
          log_.error(std::string("setting a flow up failed: ") + exception.what());
        }
        relay->fail(core::Reason::unspecified);
      }));
  return relay;
}

}  // namespace tfunnel::proxy
