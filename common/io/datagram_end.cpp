#include "common/io/datagram_end.hpp"

#include <algorithm>
#include <utility>

namespace tfunnel::io {

void DatagramEnd::bind(core::Flow& flow, core::Time now) {
  flow_ = &flow;
  mux_.watch(flow, now);
}

// Somebody may still hold this object, a handler that waits perhaps, and outlive the mux and its budget.
core::Flow* DatagramEnd::let_go() {
  auto* flow = std::exchange(flow_, nullptr);
  queue_.clear();
  on_over();
  return flow;
}

// Either side may end a UDP flow; the answer to the end is the end.
void DatagramEnd::on_fin() {
  if (!over()) mux_.close(*let_go());
}

void DatagramEnd::on_reset(core::Reason) { let_go(); }

bool DatagramEnd::enqueue(core::Time now, const core::Endpoint& peer, core::ByteView payload) {
  if (payload.size() > mux_.largest_datagram(peer)) {
    ++mux_.counters().datagrams_dropped;
    return false;
  }
  mux_.used(*flow_, core::UdpIdle::Way::sent, now);
  queue_.push(now, peer, payload);
  mux_.ready(*flow_);
  return true;
}

core::Pulled DatagramEnd::pull(core::Batch& batch, std::size_t allowance, core::Time now) {
  core::Pulled pulled;
  const auto limit = core::DatagramQueue::age_limit(mux_.pacer().time_of_frame());
  auto* entry = queue_.front(now, limit);
  while (entry != nullptr) {
    const auto cost = entry->payload.size() + core::max_datagram_header;
    if (pulled.bytes + pulled.overhead + cost > allowance) {
      pulled.next = cost;
      break;
    }
    if (!batch.add_datagram(flow_->id, entry->peer, entry->payload)) {
      pulled.batch_full = true;
      break;
    }
    pulled.bytes += entry->payload.size();
    pulled.overhead += core::max_datagram_header;
    queue_.pop();
    entry = queue_.front(now, limit);
  }
  pulled.more = entry != nullptr;
  return pulled;
}

}  // namespace tfunnel::io
