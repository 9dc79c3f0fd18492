// The far end of a UDP flow.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/io/datagram_end.hpp"
#include "common/io/log.hpp"
#include "proxy/access/gate.hpp"
#include "proxy/udp/udp_way.hpp"

namespace tfunnel::proxy {

/// Asks the access rules about each datagram, once and before all else, and then one way after the other until one
/// takes it. The parts that the ways keep for this flow live here. No way sees the rules, so none can forget them or
/// ask again.
class UdpFlow final : public io::DatagramEnd, public std::enable_shared_from_this<UdpFlow> {
 public:
  /// Shared by all flows of a proxy; it must outlive the io_context's last handler.
  struct Shared {
    const Gate& gate;  // also says which peers are called what, and who may not answer
    const io::Log& log;
    std::vector<UdpWay*> ways;  // in the order in which they are asked
  };
  UdpFlow(core::Mux& mux, const Shared& shared) : DatagramEnd(mux), shared_(shared) {}

  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  void on_link_end() override;
  [[nodiscard]] std::string describe() const override;

  // --- for the ways ---

  using DatagramEnd::over;
  /// Null once it is over.
  [[nodiscard]] core::Flow* flow() const { return flow_; }
  /// Must not be used once the flow is over, for it may be gone; its address may.
  [[nodiscard]] core::Mux& mux() const { return mux_; }

  // These have no effect once the flow is over.

  /// An answer of our own to what the application sent to `peer`.
  void answer(const core::Endpoint& peer, core::ByteView payload);
  /// A datagram from `sender`, by its real address, for the application if it may have it.
  void received(const core::Endpoint& sender, core::ByteView payload);
  /// The application learns that `peer`, as it calls it, cannot be reached.
  void refuse(const core::Endpoint& peer, core::Reason reason);
  /// The same of a real address, as far as it may hear from there.
  void undeliverable(const core::Endpoint& peer, core::Reason reason);
  /// Breaks the flow off; the application's next datagram makes a new one. `words` as for Mux::reset(). May release all
  /// owners but the caller.
  void break_off(core::Reason reason, std::string_view words);

  /// The part that `way` keeps; null: none yet.
  [[nodiscard]] UdpPart* find(const UdpWay& way) const;
  /// REQUIRES: find(way) is null.
  UdpPart& keep(const UdpWay& way, std::unique_ptr<UdpPart> part);
  /// From now on `part`, which this flow keeps, hears all that is received().
  void listen(UdpPart& part) { listener_ = &part; }

 private:
  void deny(const core::Endpoint& peer, const std::string& why);
  void on_over() override;

  const Shared& shared_;
  // Few: most ways never take anything of most flows.
  std::vector<std::pair<const UdpWay*, std::unique_ptr<UdpPart>>> parts_;
  UdpPart* listener_ = nullptr;
  bool said_ = false;  // that something was denied
  bool link_ended_ = false;
};

/// The part that `way` keeps for `flow`, made with (flow, arguments...) when there is none yet. A way keeps one kind of
/// part.
template <class Part, class... Arguments>
Part& part_of(UdpFlow& flow, const UdpWay& way, Arguments&&... arguments) {
  if (auto* part = flow.find(way)) return static_cast<Part&>(*part);
  return static_cast<Part&>(flow.keep(way, std::make_unique<Part>(flow, std::forward<Arguments>(arguments)...)));
}

/// Makes all of a proxy's UDP flows.
class UdpFlows {
 public:
  /// `gate`, `log`, this and the `ways`, which are asked in this order, must outlive the io_context's last handler.
  UdpFlows(const Gate& gate, const io::Log& log, std::vector<UdpWay*> ways) : shared_{gate, log, std::move(ways)} {}

  /// The mux whose flows are served; before the first add().
  void serve(core::Mux& mux);
  /// The local end of a new flow.
  std::shared_ptr<UdpFlow> add(core::Flow& flow);

 private:
  UdpFlow::Shared shared_;
  core::Mux* mux_ = nullptr;
};

}  // namespace tfunnel::proxy
