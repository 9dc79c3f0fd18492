#include "common/core/mux.hpp"

#include <algorithm>
#include <cassert>

#include "common/core/frame_rules.hpp"

namespace tfunnel::core {

namespace {

// Ids go up by two: odd from the client (first 1), even from the proxy (first 2; 0 means the link).
FlowIds ids_of(wire::Role role) { return FlowIds(role == wire::ROLE_CLIENT ? FlowId(-1) : 0); }

wire::Role other(wire::Role role) { return role == wire::ROLE_CLIENT ? wire::ROLE_PROXY : wire::ROLE_CLIENT; }

}  // namespace

Mux::Mux(Settings settings, MemoryBudget& budget, LinkListener& listener, FlowAcceptor* acceptor)
    : settings_(std::move(settings)),
      budget_(budget),
      listener_(listener),
      acceptor_(acceptor),
      local_ids_(ids_of(settings_.role)),
      peer_ids_(ids_of(other(settings_.role))),
      pacer_(settings_.link_rate),
      link_({settings_.role, settings_.software, settings_.max_flows, settings_.resolver}) {
  if (settings_.role == wire::ROLE_PROXY) settings_.udp_timeouts = settings_.udp_timeouts.with_patience();
}

Mux::~Mux() = default;

void Mux::wake() {
  if (wake_) wake_();
}

void Mux::control_due(Flow& flow) {
  if (!flow.ControlHook::is_linked()) control_.push_back(flow);
  wake();
}

FlowId Mux::allocate_id() {
  FlowId id = 0;
  do {
    id = local_ids_.next();
    local_ids_.use(id);
  } while (id == 0 || flows_.contains(id));
  return id;
}

Flow& Mux::add_flow(FlowId id, const FlowRequest& request, std::size_t granted) {
  ++counters_.flows_opened;
  auto& place = flows_[id];
  place = std::make_unique<Flow>(id, request, budget_, granted);
  return *place;
}

bool Mux::full(Transport transport) const {
  const auto limit = flow_limit();
  const auto kept = transport == Transport::tcp ? limit / 16 : 0;
  return flows_.size() >= limit - kept;
}

void Mux::make_room(Time now) {
  const auto limit = flow_limit();
  if (flows_.size() >= limit - limit / 8) spare_udp_flow(now, UdpIdleList::Need::id);
}

Flow* Mux::open(const FlowRequest& request, std::shared_ptr<FlowHandler> handler) {
  assert(hello_received_);
  if (full(request.transport)) return nullptr;
  const auto credit = request.transport == Transport::tcp ? budget_.initial_credit() : 0;
  if (request.transport == Transport::tcp && credit == 0) {
    listener_.on_no_memory(request);
    return nullptr;
  }
  auto& flow = add_flow(allocate_id(), request, credit);
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
  const bool wants = flow.ready || !flow.errors_due.empty();
  if (!wants || !may_send || !flow.handler || flow.fin_due || flow.end_sent) return;
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
  UdpIdleList::forget(flow);
  finish(flow);
  flow.handler.reset();
}

void Mux::reset(Flow& flow, Reason reason, std::string_view words) {
  UdpIdleList::forget(flow);
  flow.handler.reset();
  flow.ready = false;
  scheduler_.remove(flow);
  if (flow.open_due) {
    // The far end never heard of it.
    tell_over(flow);
    flows_.erase(flow.id);
    return;
  }
  flow.window.abandoned();
  flow.fin_due = false;
  flow.credit_due = 0;
  flow.opened_due.reset();
  flow.reset_due = reason;
  if (!words.empty()) flow.words_due = std::make_unique<std::string>(wire_text(words, longest_words));
  control_due(flow);
}

void Mux::refuse(Flow& flow) {
  listener_.on_no_memory(flow.request);
  reset(flow, Reason::resource_limit);
}

void Mux::watch(Flow& flow, Time now) {
  const bool first = udp_flows_.empty();
  udp_flows_.watch(flow, now);
  if (first && on_udp_) on_udp_();
}

bool Mux::end_silent_flows(Time now) {
  while (auto* silent = udp_flows_.expired(now, settings_.udp_timeouts)) end_udp(*silent);
  return !udp_flows_.empty();
}

bool Mux::spare_udp_flow(Time now, UdpIdleList::Need need, const Flow* but) {
  auto* found = udp_flows_.dispensable(now, settings_.udp_timeouts, need, but);
  if (found == nullptr) return false;
  ++counters_.flows_spared;
  end_udp(*found);
  return true;
}

void Mux::end_udp(UdpIdle& idle) {
  UdpIdleList::forget(idle);
  // It lives until it has ended the flow.
  const auto handler = static_cast<Flow&>(idle).handler;
  if (handler) handler->on_fin();
}

void Mux::datagram_error(Flow& flow, const Endpoint& peer, Reason reason) {
  if (flow.end_sent || flow.fin_due || flow.reset_due) return;
  if (flow.request.transport != Transport::udp) {
    ++counters_.frames_left_out;
    return;
  }
  if (!flow.errors_due.add({peer, reason})) ++counters_.errors_dropped;
  enter_ring(flow);
}

std::size_t Mux::largest_datagram(const Endpoint& peer) const {
  return std::min(peer_max_datagram_, core::largest_datagram(peer.address));
}

void Mux::end_sending(Flow& flow) {
  flow.end_sent = true;
  flow.fin_due = false;
  flow.reset_due.reset();
  flow.words_due.reset();
}

void Mux::release_if_over(Flow& flow) {
  if (!flow.end_sent || !flow.end_received) return;
  tell_over(flow);
  const auto handler = std::move(flow.handler);
  flows_.erase(flow.id);
  if (handler) handler->on_finished();
}

void Mux::tell_over(const Flow& flow) const {
  if (settings_.on_over) settings_.on_over(flow, flow.reset_received);
}

std::optional<Time> Mux::deadline() const {
  const auto ack = acknowledger_.deadline();
  if (!ack || !paced_until_) return ack ? ack : paced_until_;
  return std::min(*ack, *paced_until_);
}

void Mux::abandon() {
  payload_.forget();
  while (!flows_.empty()) {
    const auto flow = std::move(flows_.begin()->second);
    flows_.erase(flows_.begin());
    flow->window.abandoned();
    tell_over(*flow);
    if (flow->handler) flow->handler->on_link_end();
  }
}

void Mux::begin_anew() {
  assert(payload_.left() == 0);
  hello_received_ = false;
  link_.begin_anew();
  acknowledger_ = Acknowledger();
  pacer_ = Pacer(settings_.link_rate);
  paced_ = false;
  paced_until_.reset();
}

void Mux::tell_reach(const Reach& reach) {
  if (link_.tell_reach(reach)) wake();
}

void Mux::repeat_greeting() {
  link_.repeat_greeting();
  wake();
}

void Mux::ping() {
  link_.ping();
  wake();
}

void Mux::drain(std::uint32_t number) {
  assert(peer_drains());
  link_.drain(number);
  wake();
}

void Mux::tell(const wire::Remaining& remaining) {
  link_.tell(remaining);
  wake();
}

void Mux::go_away(wire::GoAway::Code code, const std::string& message) {
  link_.go_away(code, message);
  wake();
}

void Mux::for_each_flow(const std::function<void(const Flow&)>& visit) const {
  for (const auto& [id, flow] : flows_) visit(*flow);
}

}  // namespace tfunnel::core
