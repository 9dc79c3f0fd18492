// The mux's sending half: makes frames when the link can take them, never before.
#include <algorithm>
#include <cassert>
#include <limits>

#include "common/core/frame_rules.hpp"
#include "common/core/mux.hpp"

namespace tfunnel::core {

bool Mux::has_output() const {
  if (link_.gone_away()) return false;
  return link_.has_output(hello_received_) || !control_.empty() || !scheduler_.empty();
}

void Mux::fill(Batch& batch, Time now) {
  fill_repeated_greeting(batch);
  batch_before_ = batch.size();
  batch.limit_datagrams(peer_max_datagram_);
  paced_ = false;
  paced_until_.reset();
  // A turn is a frame: on a slow link a larger one would keep a new flow waiting.
  scheduler_.set_quantum(pacer_.frame_limit());
  // First, for nothing can follow staged payload, and the far end waits for it.
  if (link_.hello_sent()) fill_ack(batch, now);
  fill_frames(batch, now);
  counters_.datagrams_dropped += batch.take_left_out();
  const auto added = batch.size() - batch_before_;
  if (added > 0) pacer_.sent(now, added, !paced_ && scheduler_.empty());
}

/// The only way for a control frame into a batch. False: no room. A frame that the far end would refuse is
/// left out, as if it were sent.
bool Mux::emit(Batch& batch, const wire::Frame& frame, const Flow* flow) {
  auto error = check_control_size(frame.ByteSizeLong());
  if (!error) error = check_control(frame);
  if (!error && flow != nullptr) {
    error = check_for_flow(frame.kind_case(), {flow->request.transport, is_local(flow->id), flow->end_sent});
  }
  if (!error) return batch.add_control(frame);
  ++counters_.frames_left_out;
  return true;
}

void Mux::fill_ack(Batch& batch, Time now) {
  const auto receipt = link_.gone_away() ? std::nullopt : acknowledger_.take(now, has_output());
  if (!receipt) return;
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(receipt->at.time_since_epoch());
  wire::Frame frame;
  frame.mutable_ack()->set_bytes(receipt->total);
  frame.mutable_ack()->set_time(static_cast<std::uint64_t>(time.count()));
  // Without room the next one says it.
  emit(batch, frame);
}

// A far end that hears it has not counted the bytes before, and the pacer must not wait for them: nothing but Hello was
// counted until now.
void Mux::fill_repeated_greeting(Batch& batch) {
  if (!link_.repeats()) return;
  const auto before = batch.size();
  if (link_.fill_repeated_greeting([&](const wire::Frame& frame) { return emit(batch, frame); }))
    pacer_.sent_aside(batch.size() - before);
}

bool Mux::fill_link_control(Batch& batch) {
  return link_.fill([&](const wire::Frame& frame) { return emit(batch, frame); },
                    {hello_received_, acceptor_ != nullptr, budget_.initial_credit()});
}

void Mux::fill_frames(Batch& batch, Time now) {
  if (link_.gone_away() || !fill_link_control(batch)) return;
  while (fill_flow_control(batch)) {
    auto* turn = scheduler_.next();
    if (turn == nullptr || !fill_turn(*turn, batch, now)) return;
  }
}

/// Errors of the flow's datagrams, up to `allowance` bytes; what they took is added to `used`. False: no room.
bool Mux::fill_errors_of(Flow& flow, Batch& batch, std::size_t allowance, std::size_t& used) {
  while (!flow.errors_due.empty() && used < allowance) {
    const auto& due = flow.errors_due.front();
    wire::Frame frame;
    auto& error = *frame.mutable_datagram_error();
    error.set_flow(flow.id);
    endpoint_to_wire(due.peer, *error.mutable_peer());
    error.set_reason(static_cast<wire::Reason>(due.reason));
    const auto before = batch.size();
    if (!emit(batch, frame, &flow)) return false;
    used += batch.size() - before;
    flow.errors_due.pop();
  }
  return true;
}

bool Mux::fill_flow_control(Batch& batch) {
  while (!control_.empty()) {
    auto& flow = control_.front();
    if (!fill_control_of(flow, batch)) return false;
    control_.pop_front();
    release_if_over(flow);
  }
  return true;
}

bool Mux::add_open(const Flow& flow, Batch& batch) {
  wire::Frame frame;
  auto& open = *frame.mutable_open();
  const bool tcp = flow.request.transport == Transport::tcp;
  open.set_flow(flow.id);
  open.set_transport(tcp ? wire::TRANSPORT_TCP : wire::TRANSPORT_UDP);
  endpoint_to_wire(flow.request.source, *open.mutable_source());
  if (tcp) {
    endpoint_to_wire(flow.request.destination, *open.mutable_destination());
    open.set_credit(static_cast<std::uint32_t>(flow.window.window()));
    open.set_early(static_cast<std::uint32_t>(flow.send_credit));
  }
  return emit(batch, frame, &flow);
}

bool Mux::fill_control_of(Flow& flow, Batch& batch) {
  wire::Frame frame;
  if (flow.open_due) {
    // No more than this side would grant at its own number of flows: the far end's next announcement may be on its way
    // while thousands are opened.
    flow.send_credit = std::min<std::uint64_t>(peer_initial_credit_, flow.window.window());
    if (!add_open(flow, batch)) return false;
    flow.open_due = false;
    enter_ring(flow);
  }
  if (flow.opened_due) {
    frame.mutable_opened()->set_flow(flow.id);
    endpoint_to_wire(*flow.opened_due, *frame.mutable_opened()->mutable_local());
    if (!emit(batch, frame, &flow)) return false;
    flow.opened_due.reset();
  }
  if (flow.credit_due > 0) {
    frame.mutable_credit()->set_flow(flow.id);
    frame.mutable_credit()->set_bytes(static_cast<std::uint32_t>(flow.credit_due));
    if (!emit(batch, frame, &flow)) return false;
    flow.credit_due = 0;
  }
  // The flow has no turn any more to tell them in.
  std::size_t used = 0;
  const bool ends = flow.reset_due || flow.fin_due;
  if (ends && !fill_errors_of(flow, batch, std::numeric_limits<std::size_t>::max(), used)) return false;
  if (flow.reset_due) {
    frame.mutable_reset()->set_flow(flow.id);
    frame.mutable_reset()->set_reason(static_cast<wire::Reason>(*flow.reset_due));
    if (flow.words_due) frame.mutable_reset()->set_text(*flow.words_due);
    if (!emit(batch, frame, &flow)) return false;
    end_sending(flow);
  } else if (flow.fin_due) {
    frame.mutable_fin()->set_flow(flow.id);
    if (!emit(batch, frame, &flow)) return false;
    end_sending(flow);
  }
  return true;
}

/// How much this flow may send as far as the link is concerned; 0: wait for an acknowledgement. Sparse
/// flows may go a little beyond the bound, since they do not make the queue.
std::size_t Mux::pace(const Turn& turn, const Batch& batch, Time now) {
  const auto bound = pacer_.bound(now);
  const auto in_flight = pacer_.in_flight() + batch.size() - batch_before_;
  const auto most = Scheduler::is_sparse(turn) ? bound + bound / 4 : bound;
  // A sliver of a frame would cost as much as a whole one.
  const auto frame = pacer_.frame_limit();
  const auto least = std::min(frame, bound) / 2;
  if (in_flight + least <= most) return std::min(most - in_flight, frame);
  paced_until_ = pacer_.ready_at(now, in_flight - pacer_.in_flight() + least);
  return 0;
}

// False: the batch is full, or enough is in flight.
bool Mux::fill_turn(Turn& turn, Batch& batch, Time now) {
  auto& flow = static_cast<Flow&>(turn);
  const bool tcp = flow.request.transport == Transport::tcp;
  if (tcp && flow.send_credit == 0) {
    // on_credit() brings it back; it keeps its standing as a bulk flow.
    scheduler_.remove(turn);
    flow.out_of_credit = true;
    return true;
  }
  const auto paced = pace(turn, batch, now);
  if (paced == 0) {
    paced_ = true;
    return false;
  }
  return fill_turn_of(flow, batch, allowance_of(flow, paced), now);
}

/// Datagrams cannot be cut: one that is not much larger than a turn goes in it all the same, and a large one's turn is
/// as large as it is.
std::size_t Mux::allowance_of(const Flow& flow, std::size_t paced) const {
  if (flow.request.transport == Transport::tcp) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(paced, flow.send_credit));
  }
  return Scheduler::is_large(flow) ? flow.next_datagram : std::max(paced, scheduler_.longest_turn());
}

bool Mux::fill_turn_of(Flow& flow, Batch& batch, std::size_t allowance, Time now) {
  const auto id = flow.id;
  const auto handler = flow.handler;
  assert(handler && "a flow in the ring has a local end");
  std::size_t used = 0;
  if (!fill_errors_of(flow, batch, allowance, used)) return false;
  Pulled pulled;
  if (flow.ready) pulled = handler->pull(batch, allowance, now);
  const bool tcp = flow.request.transport == Transport::tcp;
  assert((!tcp || pulled.bytes <= allowance) && "a flow sends no more than it may");
  counters_.bytes_sent += pulled.bytes;
  counters_.bytes_sent_moved += batch.staged();  // full from there, so it is this pull's
  // A pull may reset the flow, or close it; it cannot be gone while its Open was sent, but look again.
  if (!flows_.contains(id)) return true;
  flow.bytes_sent += pulled.bytes;
  if (tcp) flow.send_credit -= pulled.bytes;
  used += pulled.bytes + pulled.overhead;
  // It keeps its turn.
  if (pulled.batch_full && used == 0) return false;
  if (!pulled.more) flow.ready = false;
  flow.next_datagram = pulled.next;
  if (used == 0 && pulled.next > 0) {
    scheduler_.defer(flow);
  } else if (pulled.more || !flow.errors_due.empty()) {
    scheduler_.used(flow, used);
  } else {
    scheduler_.finished(flow, used);
  }
  return !pulled.batch_full;
}

}  // namespace tfunnel::core
