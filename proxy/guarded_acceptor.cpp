#include "proxy/guarded_acceptor.hpp"

#include <utility>

namespace tfunnel::proxy {

namespace {

/// A UDP flow whose datagrams are looked at one by one; everything else is the inner handler's.
class GuardedDatagrams final : public core::FlowHandler {
 public:
  GuardedDatagrams(std::shared_ptr<core::FlowHandler> inner, core::Flow& flow, core::Mux& mux, const Gate& gate,
                   const io::Log& log)
      : inner_(std::move(inner)), flow_(&flow), mux_(mux), gate_(gate), log_(log) {}

  // The mux calls no handler whose flow is gone, so `flow_` is there.
  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override {
    const auto admission = gate_.admit(peer);
    if (admission.allowed) return inner_->on_datagram(peer, payload);
    log_.about_flow(std::exchange(said_, true) ? io::LogLevel::debug : io::LogLevel::info,
                    "refused: " + flow_->request.text() + " -> " + peer.text(), {{"reason", admission.why}});
    mux_.datagram_error(*flow_, peer, core::Reason::denied);
  }
  void on_opened(const core::Endpoint& local) override { inner_->on_opened(local); }
  void on_fin() override { inner_->on_fin(); }
  void on_reset(core::Reason reason) override { inner_->on_reset(reason); }
  void on_finished() override { inner_->on_finished(); }
  void on_link_end() override { inner_->on_link_end(); }
  void on_datagram_error(const core::Endpoint& peer, core::Reason reason) override {
    inner_->on_datagram_error(peer, reason);
  }
  core::Pulled pull(core::Batch& batch, std::size_t allowance, core::Time now) override {
    return inner_->pull(batch, allowance, now);
  }
  [[nodiscard]] std::string describe() const override { return inner_->describe(); }

 private:
  std::shared_ptr<core::FlowHandler> inner_;
  core::Flow* flow_;
  core::Mux& mux_;
  const Gate& gate_;
  const io::Log& log_;
  bool said_ = false;
};

}  // namespace

std::shared_ptr<core::FlowHandler> GuardedAcceptor::accept(core::Flow& flow) {
  if (flow.request.transport == core::Transport::udp) {
    auto inner = inner_.accept(flow);
    if (inner == nullptr) return nullptr;
    return std::make_shared<GuardedDatagrams>(std::move(inner), flow, *mux_, gate_, log_);
  }
  const auto admission = gate_.admit(flow.request.destination);
  if (admission.allowed) return inner_.accept(flow);
  log_.about_flow(io::LogLevel::info, "refused: " + flow.request.text(), {{"reason", admission.why}});
  return nullptr;
}

}  // namespace tfunnel::proxy
