#include "common/core/mux.hpp"

#include <cassert>

namespace tfunnel::core {

Mux::Mux(Settings settings, MemoryBudget& budget, LinkListener& listener, FlowAcceptor* acceptor)
    : settings_(std::move(settings)),
      budget_(budget),
      listener_(listener),
      acceptor_(acceptor),
      // Ids go up by two: odd from the client (first 1), even from the proxy (first 2; 0 means the link).
      last_local_id_(settings_.role == wire::ROLE_CLIENT ? FlowId(-1) : 0),
      last_peer_id_(settings_.role == wire::ROLE_CLIENT ? 0 : FlowId(-1)) {}

Mux::~Mux() = default;

void Mux::wake() {
  if (wake_) wake_();
}

void Mux::control_due(Flow& flow) {
  if (!flow.ControlHook::is_linked()) control_.push_back(flow);
  wake();
}

void Mux::note_id(IdUse& use, FlowId last, FlowId next) {
  if (use == IdUse::none) {
    use = IdUse::rising;
  } else if (next < last) {
    use = IdUse::wrapped;
  }
}

FlowId Mux::allocate_id() {
  do {
    const auto next = last_local_id_ + 2;
    note_id(local_ids_, last_local_id_, next);
    last_local_id_ = next;
  } while (last_local_id_ == 0 || flows_.contains(last_local_id_));
  return last_local_id_;
}

Flow& Mux::add_flow(FlowId id, const FlowRequest& request, std::size_t granted) {
  ++counters_.flows_opened;
  auto& place = flows_[id];
  place = std::make_unique<Flow>(id, request, budget_, granted);
  return *place;
}

Flow* Mux::open(const FlowRequest& request, std::shared_ptr<FlowHandler> handler) {
  assert(hello_received_);
  if (full()) return nullptr;
  auto& flow = add_flow(allocate_id(), request, budget_.initial_credit());
  flow.handler = std::move(handler);
  flow.open_due = true;
  control_due(flow);
  return &flow;
}

void Mux::opened(Flow& flow, const Endpoint& local) {
  flow.far_connected = true;
  flow.opened_due = local;
  control_due(flow);
}

void Mux::ready(Flow& flow) {
  flow.ready = true;
  enter_ring(flow);
}

// Without credit a flow waits outside the ring; on_credit() brings it in.
void Mux::enter_ring(Flow& flow) {
  const bool may_send = flow.request.transport == Transport::udp || flow.send_credit > 0 || flow.open_due;
  if (!flow.ready || !may_send || !flow.handler || flow.fin_due || flow.end_sent) return;
  scheduler_.add(flow, flow.out_of_credit);
  flow.out_of_credit = false;
  wake();
}

void Mux::drained(Flow& flow, std::size_t bytes) {
  const auto grant = flow.window.drained(bytes);
  if (grant == 0 || flow.end_received) return;
  flow.credit_due += grant;
  control_due(flow);
}

void Mux::finish(Flow& flow) {
  if (flow.end_sent || flow.reset_due) return;
  flow.ready = false;
  scheduler_.remove(flow);
  flow.fin_due = true;
  control_due(flow);
}

void Mux::close(Flow& flow) {
  finish(flow);
  flow.handler.reset();
}

void Mux::reset(Flow& flow, Reason reason) {
  flow.handler.reset();
  flow.ready = false;
  scheduler_.remove(flow);
  if (flow.open_due) {
    // The far end never heard of it.
    flows_.erase(flow.id);
    return;
  }
  flow.fin_due = false;
  flow.credit_due = 0;
  flow.opened_due.reset();
  flow.reset_due = reason;
  control_due(flow);
}

void Mux::datagram_error(Flow& flow, const Endpoint& peer, Reason reason) {
  constexpr std::size_t most = 1024;
  if (errors_.size() >= most) {
    ++counters_.errors_dropped;
    return;
  }
  errors_.push_back({flow.id, peer, reason});
  wake();
}

void Mux::end_sending(Flow& flow) {
  flow.end_sent = true;
  flow.fin_due = false;
  flow.reset_due.reset();
}

void Mux::release_if_over(Flow& flow) {
  if (!flow.end_sent || !flow.end_received) return;
  const auto handler = std::move(flow.handler);
  flows_.erase(flow.id);
  if (handler) handler->on_finished();
}

std::optional<Time> Mux::deadline() const {
  const auto ack = acknowledger_.deadline();
  if (!ack || !paced_until_) return ack ? ack : paced_until_;
  return std::min(*ack, *paced_until_);
}

void Mux::abandon() {
  payload_flow_ = nullptr;
  payload_left_ = 0;
  while (!flows_.empty()) {
    const auto flow = std::move(flows_.begin()->second);
    flows_.erase(flows_.begin());
    if (flow->handler) flow->handler->on_link_end();
  }
}

void Mux::ping() {
  ping_due_ = true;
  wake();
}

void Mux::drain(std::uint32_t number) {
  assert(peer_drains());
  drain_due_ = number;
  wake();
}

void Mux::tell(const wire::Remaining& remaining) {
  remaining_due_ = remaining;
  wake();
}

void Mux::go_away(wire::GoAway::Code code, const std::string& message) {
  constexpr std::size_t longest = 1024;
  wire::GoAway frame;
  frame.set_code(code);
  frame.set_message(message.substr(0, longest));
  go_away_due_ = std::move(frame);
  wake();
}

void Mux::for_each_flow(const std::function<void(const Flow&)>& visit) const {
  for (const auto& [id, flow] : flows_) visit(*flow);
}

}  // namespace tfunnel::core
