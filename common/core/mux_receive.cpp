// The mux's receiving half: checks every claim of the far end, then tells the flows.
#include <algorithm>
#include <new>

#include "common/core/frame_rules.hpp"
#include "common/core/mux.hpp"

namespace tfunnel::core {

using boost::system::error_code;
using boost::system::result;

namespace {

// Larger announcements than any sane receiver's are cut, not refused.
constexpr std::size_t max_early_data = 1U << 20;

/// For a terminal, whoever wrote it.
std::string printable_only(std::string_view text) {
  std::string clean(text);
  std::ranges::replace_if(
      clean, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return clean;
}

}  // namespace

void Mux::count_received(std::size_t bytes, bool worth_an_ack, Time now) {
  acknowledger_.received(now, bytes, worth_an_ack);
  if (worth_an_ack && acknowledger_.urgent(now)) wake();
}

result<std::size_t> Mux::receive(ByteView bytes, Time now) {
  const auto used = receive_frames(bytes, now);
  // A deadline may have appeared.
  if (used && *used > 0 && acknowledger_.deadline()) wake();
  return used;
}

result<std::size_t> Mux::receive_frames(ByteView bytes, Time now) {
  std::size_t used = 0;
  payload_.begin_to_measure();
  while (used < bytes.size()) {
    if (payload_.left() > 0) {
      const auto part = bytes.subspan(used, std::min(payload_.left(), bytes.size() - used));
      used += part.size();
      count_received(part.size(), true, now);
      take_payload(part);
      continue;
    }
    const auto parsed = parse_frame(bytes.subspan(used));
    if (!parsed) return parsed.error();
    if (std::holds_alternative<NeedMore>(*parsed)) break;
    error_code error;
    if (const auto* data = std::get_if<DataHeader>(&*parsed)) {
      count_received(data->size, true, now);
      error = on_data_header(*data);
      used += data->size;
    } else if (const auto* datagram = std::get_if<DatagramHeader>(&*parsed)) {
      error = on_datagram(*datagram, bytes.subspan(used + datagram->size, datagram->payload));
      used += datagram->size + datagram->payload;
      count_received(datagram->size + datagram->payload, true, now);
    } else {
      const auto& control = std::get<ControlFrame>(*parsed);
      count_received(control.size, !control.frame.has_ack(), now);
      error = on_frame(control.frame, now);
      used += control.size;
    }
    if (error) return error;
  }
  return used;
}

void Mux::count_payload(std::size_t bytes) {
  payload_.took(bytes);
  counters_.bytes_received += bytes;
}

int Mux::payload_descriptor() const {
  auto* const handler = payload_.handler();
  return handler != nullptr ? handler->payload_descriptor() : -1;
}

int Mux::payload_diversion() const {
  auto* const handler = payload_.handler();
  return handler != nullptr ? handler->payload_diversion() : -1;
}

void Mux::payload_moved(std::size_t bytes, Time now) {
  count_received(bytes, true, now);
  count_payload(bytes);
  counters_.bytes_received_moved += bytes;
  if (const auto handler = payload_.flow().handler) handler->on_moved(bytes);
}

void Mux::take_payload(ByteView bytes) {
  count_payload(bytes.size());
  const auto handler = payload_.flow().handler;
  if (!handler) return;
  try {
    handler->on_data(bytes);
  } catch (const std::bad_alloc&) {
    // A part of it is lost: the flow cannot go on.
    if (!handler->on_no_memory()) throw;
  }
}

error_code Mux::on_ack(const wire::Ack& ack, Time now) {
  // Cut so that no arithmetic on it can overflow.
  constexpr std::uint64_t latest = 1ULL << 52;
  const auto far_time = std::chrono::microseconds(std::min(ack.time(), latest));
  if (!pacer_.acknowledged(now, ack.bytes(), far_time)) return ProtocolError::malformed_frame;
  if (paced_) wake();
  return {};
}

error_code Mux::on_frame(const wire::Frame& frame, Time now) {
  if (!hello_received_ && !frame.has_hello()) return ProtocolError::missing_hello;
  if (const auto error = check_control(frame)) return error;
  switch (frame.kind_case()) {
    case wire::Frame::kHello: return on_hello(frame.hello());
    case wire::Frame::kOpen: return on_open(frame.open());
    case wire::Frame::kOpened: return on_opened(frame.opened());
    case wire::Frame::kCredit: return on_credit(frame.credit());
    case wire::Frame::kFin: return on_fin(frame.fin().flow());
    case wire::Frame::kReset: return on_reset(frame.reset());
    case wire::Frame::kDatagramError: return on_datagram_error(frame.datagram_error());
    case wire::Frame::kPing:
      link_.pong(frame.ping().token());
      wake();
      return {};
    case wire::Frame::kGoAway: listener_.on_go_away(frame.go_away()); return {};
    case wire::Frame::kAck: return on_ack(frame.ack(), now);
    case wire::Frame::kDrain: listener_.on_drain(frame.drain().number()); return {};
    case wire::Frame::kFamilies: listener_.on_reach(*reach_from_wire(frame.families())); return {};
    case wire::Frame::kRemaining: listener_.on_remaining(frame.remaining()); return {};
    default: return {};  // a Pong carries nothing that we need; unknown frames are a newer peer's.
  }
}

error_code Mux::on_hello(const wire::Hello& hello) {
  if (hello_received_) return ProtocolError::unexpected_hello;
  if (hello.role() == settings_.role) return ProtocolError::same_role;
  hello_received_ = true;
  peer_initial_credit_ = std::min<std::size_t>(hello.initial_credit(), max_early_data);
  peer_max_flows_ = hello.max_flows();
  const std::size_t max_datagram = hello.max_datagram() > 0 ? hello.max_datagram() : default_max_datagram;
  peer_max_datagram_ = std::min(max_datagram, max_datagram_payload);
  peer_features_ = hello.features();
  if (link_.reach_waits()) wake();
  listener_.on_hello(hello);
  return {};
}

// Only a Reset or a Credit can be on its way while both directions end; see struct Flow.
result<Flow*> Mux::find(FlowId id, bool may_be_late) {
  const auto found = flows_.find(id);
  if (found != flows_.end() && !found->second->open_due) return found->second.get();
  if (may_be_late && (is_local(id) ? local_ids_ : peer_ids_).was_used(id)) return nullptr;
  return ProtocolError::unknown_flow;
}

error_code Mux::check_received(wire::Frame::KindCase kind, const Flow& flow) const {
  return check_for_flow(kind, {flow.request.transport, !is_local(flow.id), flow.end_received});
}

error_code Mux::on_open(const wire::Open& open) {
  const auto id = open.flow();
  if (acceptor_ == nullptr) return ProtocolError::wrong_direction;
  if (id == 0 || is_local(id) || !peer_ids_.is_new(id) || flows_.contains(id)) return ProtocolError::bad_flow_id;
  const auto request = request_of(open);
  if (!request) return ProtocolError::bad_open;
  if (open.early() > link_.largest_told_credit()) return ProtocolError::credit_overrun;
  if (flows_.size() >= settings_.max_flows) return ProtocolError::too_many_flows;
  peer_ids_.use(id);
  auto& flow = add_flow(id, *request, open.early());
  flow.send_credit = open.credit();
  if (request->transport == Transport::tcp && !flow.window.backed()) {
    refuse(flow);
    return {};
  }
  auto handler = accepts_ ? accept(flow) : nullptr;
  if (!handler) {
    if (!flow.reset_due) reset(flow, accepts_ ? Reason::denied : Reason::cancelled);
  } else if (!flow.reset_due) {
    flow.handler = std::move(handler);
    enter_ring(flow);
    // A far end that took little or no early credit gets the rest of its first window now.
    if (request->transport == Transport::tcp) drained(flow, 0);
  }
  return {};
}

/// Null: it is refused. A stack or a socket's state for which the system has no memory concerns this flow only.
std::shared_ptr<FlowHandler> Mux::accept(Flow& flow) {
  try {
    return acceptor_->accept(flow);
  } catch (const std::bad_alloc&) {
    if (!flow.reset_due) refuse(flow);
    return nullptr;
  }
}

error_code Mux::on_opened(const wire::Opened& opened) {
  const auto flow = find(opened.flow(), false);
  if (!flow) return flow.error();
  if (const auto error = check_received(wire::Frame::kOpened, **flow)) return error;
  (*flow)->far_connected = true;
  const auto local = endpoint_from_wire(opened.local());
  if (const auto handler = (*flow)->handler) handler->on_opened(local.value_or(Endpoint{}));
  return {};
}

error_code Mux::on_data_header(const DataHeader& header) {
  const auto found = find(header.flow, false);
  if (!found) return hello_received_ ? found.error() : ProtocolError::missing_hello;
  auto& flow = **found;
  if (const auto error = check_received(wire::Frame::kData, flow)) return error;
  if (!flow.window.received(header.payload)) return ProtocolError::credit_overrun;
  payload_.begin(flow, header);
  return {};
}

error_code Mux::on_datagram(const DatagramHeader& header, ByteView payload) {
  const auto found = find(header.flow, false);
  if (!found) return hello_received_ ? found.error() : ProtocolError::missing_hello;
  auto& flow = **found;
  if (const auto error = check_received(wire::Frame::kDatagram, flow)) return error;
  counters_.bytes_received += payload.size();
  flow.bytes_received += payload.size();
  const auto handler = flow.handler;
  if (!handler) {
    // It crossed our end of the flow.
    ++counters_.datagrams_dropped;
    return {};
  }
  try {
    handler->on_datagram(header.peer, payload);
  } catch (const std::bad_alloc&) {
    // The socket or the look-up that it was to begin can be tried again with the next one.
    ++counters_.datagrams_dropped;
  }
  return {};
}

error_code Mux::on_datagram_error(const wire::DatagramError& error) {
  const auto found = find(error.flow(), false);
  if (!found) return found.error();
  if (const auto broken = check_received(wire::Frame::kDatagramError, **found)) return broken;
  const auto peer = endpoint_from_wire(error.peer());
  if (!peer) return ProtocolError::malformed_frame;
  if (const auto handler = (*found)->handler) handler->on_datagram_error(*peer, reason_from_wire(error.reason()));
  return {};
}

error_code Mux::on_credit(const wire::Credit& credit) {
  if (credit.flow() == 0) {
    peer_initial_credit_ = std::min<std::size_t>(credit.bytes(), max_early_data);
    return {};
  }
  const auto found = find(credit.flow(), true);
  if (!found) return found.error();
  if (*found == nullptr) return {};
  auto& flow = **found;
  if (const auto error = check_received(wire::Frame::kCredit, flow)) return error;
  flow.send_credit += credit.bytes();
  if (flow.send_credit > max_send_credit) return ProtocolError::credit_overflow;
  enter_ring(flow);
  return {};
}

error_code Mux::on_fin(FlowId id) {
  const auto found = find(id, false);
  if (!found) return found.error();
  auto& flow = **found;
  if (const auto error = check_received(wire::Frame::kFin, flow)) return error;
  flow.end_received = true;
  flow.window.finished();
  flow.credit_due = 0;
  const auto handler = flow.handler;
  if (handler) handler->on_fin();
  // The handler may have ended the flow; only a flow that was open cannot be gone here, because what
  // ends our direction is sent by fill().
  release_if_over(flow);
  return {};
}

error_code Mux::on_reset(const wire::Reset& frame) {
  const FlowId id = frame.flow();
  const auto reason = reason_from_wire(frame.reason());
  const auto found = find(id, true);
  if (!found) return found.error();
  if (*found == nullptr) return {};
  auto& flow = **found;
  if (!frame.text().empty()) {
    listener_.on_words(flow.request, printable_only(std::string_view(frame.text()).substr(0, longest_words)));
  }
  const auto handler = std::move(flow.handler);
  flow.end_received = true;
  flow.ready = false;
  flow.reset_received = reason;
  scheduler_.remove(flow);
  // A flow that is over lives until its handler has heard of it.
  std::unique_ptr<Flow> over;
  if (flow.end_sent) {
    const auto place = flows_.find(id);
    over = std::move(place->second);
    over->window.abandoned();
    flows_.erase(place);
    tell_over(*over);
  } else {
    // The answer frees the id at the far end too.
    reset(flow, Reason::cancelled);
  }
  if (handler) handler->on_reset(reason);
  return {};
}

}  // namespace tfunnel::core
