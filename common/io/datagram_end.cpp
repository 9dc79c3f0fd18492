#include "common/io/datagram_end.hpp"

#include <algorithm>
#include <utility>

namespace tfunnel::io {

bool DatagramEnd::expire(core::Time now, const core::UdpTimeouts& timeouts) {
  if (flow_ == nullptr) return true;
  if (!idle_.expired(now, timeouts)) return false;
  on_fin();
  return true;
}

// Either side may end a UDP flow; the answer to the end is the end.
void DatagramEnd::on_fin() {
  if (flow_ == nullptr) return;
  auto& flow = *std::exchange(flow_, nullptr);
  queue_.clear();
  on_over();
  mux_.close(flow);
}

// Whoever still holds this object, a handler that waits perhaps, may outlive the mux and its budget.
void DatagramEnd::on_reset(core::Reason) {
  flow_ = nullptr;
  queue_.clear();
  on_over();
}

void DatagramEnd::enqueue(core::Time now, const core::Endpoint& peer, core::ByteView payload) {
  if (on_enqueued_) on_enqueued_(peer, payload);
  idle_.sent(now);
  queue_.push(now, peer, payload);
  mux_.ready(*flow_);
}

core::Pulled DatagramEnd::pull(core::Batch& batch, std::size_t allowance, core::Time now) {
  core::Pulled pulled;
  auto* entry = queue_.front(now);
  while (entry != nullptr && pulled.bytes + pulled.overhead < allowance) {
    if (!batch.add_datagram(flow_->id, entry->peer, entry->payload)) {
      pulled.batch_full = true;
      break;
    }
    pulled.bytes += entry->payload.size();
    pulled.overhead += core::max_datagram_header;
    queue_.pop();
    entry = queue_.front(now);
  }
  pulled.more = entry != nullptr;
  return pulled;
}

}  // namespace tfunnel::io
