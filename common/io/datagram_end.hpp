// The local end of a UDP flow: what client and proxy share.
#pragma once

#include <memory>

#include "common/core/datagram_queue.hpp"
#include "common/core/mux.hpp"

namespace tfunnel::io {

/// Queues datagrams for the link, and tells the mux of each that comes or goes. The mux ends the flow when it has been
/// silent too long. The sockets are the subclass's business.
class DatagramEnd : public core::FlowHandler {
 public:
  explicit DatagramEnd(core::Mux& mux)
      : mux_(mux), queue_(mux.budget().datagrams(), mux.counters().datagrams_dropped) {}

  /// The flow begins, or began before in another end's hands.
  void bind(core::Flow& flow, core::Time now);

  void on_fin() override;
  void on_reset(core::Reason reason) override;
  [[nodiscard]] core::Undelivered unsent(core::Time) override { return {.datagrams = queue_.size()}; }
  core::Pulled pull(core::Batch& batch, std::size_t allowance, core::Time now) override;

 protected:
  /// A datagram for the far end, from or to `peer`. False: it is too large to be sent there, and dropped.
  bool enqueue(core::Time now, const core::Endpoint& peer, core::ByteView payload);
  /// A datagram came from the far end.
  void heard(core::Time now) { mux_.used(*flow_, core::UdpIdle::Way::received, now); }
  /// Nothing comes or goes from here on. Returns the flow, for the mux to be told; null: it was over already.
  core::Flow* let_go();
  /// The flow ended; the last call to the object.
  virtual void on_over() {}
  [[nodiscard]] bool over() const { return flow_ == nullptr; }

  core::Mux& mux_;
  core::Flow* flow_ = nullptr;

 private:
  core::DatagramQueue queue_;
};

}  // namespace tfunnel::io
