#include "proxy/udp/udp_flow.hpp"

#include <algorithm>
#include <cassert>

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
}  // namespace

void UdpFlow::on_datagram(const core::Endpoint& peer, core::ByteView payload) {
  if (over()) return;
  const auto admission = shared_.gate.admit(peer);
  if (!admission.allowed) return deny(peer, admission.why);
  heard(Clock::now());
  for (auto* way : shared_.ways) {
    if (way->take(*this, peer, payload)) return;
  }
  refuse(peer, core::Reason::denied);
}

// A denied datagram keeps no flow alive.
void UdpFlow::deny(const core::Endpoint& peer, const std::string& why) {
  shared_.log.about_flow(std::exchange(said_, true) ? io::LogLevel::debug : io::LogLevel::info, "refused",
                         io::LogFlow(flow_->request, flow_->id, peer), {{"reason", why}});
  refuse(peer, core::Reason::denied);
}

void UdpFlow::answer(const core::Endpoint& peer, core::ByteView payload) {
  if (!over()) enqueue(Clock::now(), peer, payload);
}

void UdpFlow::received(const core::Endpoint& sender, core::ByteView payload) {
  if (over()) return;
  const auto peer = shared_.gate.shown(sender);
  if (!peer || !enqueue(Clock::now(), *peer, payload)) return;
  if (listener_ != nullptr) listener_->on_received(*peer, payload);
}

void UdpFlow::refuse(const core::Endpoint& peer, core::Reason reason) {
  if (!over()) mux_.datagram_error(*flow_, peer, reason);
}

void UdpFlow::undeliverable(const core::Endpoint& peer, core::Reason reason) {
  if (const auto shown = shared_.gate.shown(peer)) refuse(*shown, reason);
}

void UdpFlow::break_off(core::Reason reason, std::string_view words) {
  if (!over()) mux_.reset(*let_go(), reason, words);
}

UdpPart* UdpFlow::find(const UdpWay& way) const {
  const auto found = std::ranges::find_if(parts_, [&](const auto& entry) { return entry.first == &way; });
  return found != parts_.end() ? found->second.get() : nullptr;
}

UdpPart& UdpFlow::keep(const UdpWay& way, std::unique_ptr<UdpPart> part) {
  assert(find(way) == nullptr);
  return *parts_.emplace_back(&way, std::move(part)).second;
}

void UdpFlow::on_link_end() {
  link_ended_ = true;
  on_reset(core::Reason::cancelled);
}

void UdpFlow::on_over() {
  for (auto& [way, part] : parts_) part->on_over(link_ended_);
}

std::string UdpFlow::describe() const {
  std::string words;
  for (auto way = shared_.ways.rbegin(); way != shared_.ways.rend(); ++way) {
    if (const auto* part = find(**way)) words = part->describe(std::move(words));
  }
  return words;
}

void UdpFlows::serve(core::Mux& mux) {
  mux_ = &mux;
  for (auto* way : shared_.ways) way->serve(mux);
}

std::shared_ptr<UdpFlow> UdpFlows::add(core::Flow& flow) {
  auto end = std::make_shared<UdpFlow>(*mux_, shared_);
  end->bind(flow, Clock::now());
  return end;
}

}  // namespace tfunnel::proxy
