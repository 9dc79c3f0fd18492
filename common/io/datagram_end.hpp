// The local end of a UDP flow: what client and proxy share.
#pragma once

#include <functional>
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

  /// Called with each datagram for the far end, before it is queued.
  using Observer = std::function<void(const core::Endpoint& peer, core::ByteView payload)>;
  void on_enqueued(Observer observer) { on_enqueued_ = std::move(observer); }

  void on_fin() override;
  void on_reset(core::Reason reason) override;
  [[nodiscard]] core::Undelivered unsent(core::Time) override { return {.datagrams = queue_.size()}; }
  core::Pulled pull(core::Batch& batch, std::size_t allowance, core::Time now) override;

 protected:
  /// A datagram for the far end, from or to `peer`.
  void enqueue(core::Time now, const core::Endpoint& peer, core::ByteView payload);
  /// A datagram came from the far end.
  void heard(core::Time now) { mux_.used(*flow_, core::UdpIdle::Way::received, now); }
  /// The flow ended; the last call to the object.
  virtual void on_over() {}
  [[nodiscard]] bool over() const { return flow_ == nullptr; }

  core::Mux& mux_;
  core::Flow* flow_ = nullptr;

 private:
  core::DatagramQueue queue_;
  Observer on_enqueued_;
};

}  // namespace tfunnel::io
