#include "common/core/udp_idle.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tfunnel::core {

namespace {

constexpr Duration stream_age = std::chrono::seconds(2);

Duration timeout_of(const UdpIdle& flow, const UdpTimeouts& timeouts) {
  return flow.is_stream() ? timeouts.stream : timeouts.unreplied;
}

}  // namespace

UdpTimeouts UdpTimeouts::with_patience() const {
  // More than the client's sweep takes to come round, and the way to here.
  const auto patient = [](Duration time) { return time + std::min<Duration>(time / 2, std::chrono::seconds(10)); };
  return {patient(unreplied), patient(stream)};
}

// At the end, but for clocks that were read a moment apart.
void UdpIdleList::enter(UdpIdle& flow) {
  auto& list = list_of(flow);
  auto place = list.end();
  while (place != list.begin() && std::prev(place)->last_ > flow.last_) --place;
  list.insert(place, flow);
}

void UdpIdleList::watch(UdpIdle& flow, Time now) {
  if (flow.is_linked()) return;
  flow.first_ = flow.last_ = now;
  enter(flow);
}

void UdpIdleList::forget(UdpIdle& flow) {
  if (flow.is_linked()) flow.unlink();
}

void UdpIdleList::used(UdpIdle& flow, UdpIdle::Way way, Time now) {
  if (!flow.is_linked()) return;
  flow.last_ = now;
  const bool becomes_stream = !flow.stream_ && flow.sent_ && flow.received_ && now - flow.first_ > stream_age;
  (way == UdpIdle::Way::sent ? flow.sent_ : flow.received_) = true;
  // One flow's datagrams come in a row.
  if (!becomes_stream && &list_of(flow).back() == &flow) return;
  flow.unlink();
  flow.stream_ = flow.stream_ || becomes_stream;
  enter(flow);
}

void UdpIdleList::holds_descriptor(UdpIdle& flow) {
  if (!flow.is_linked() || flow.holds_descriptor_) return;
  flow.unlink();
  flow.holds_descriptor_ = true;
  enter(flow);
}

bool UdpIdleList::empty() const {
  return std::ranges::all_of(lists_, [](const auto& pair) { return pair[0].empty() && pair[1].empty(); });
}

UdpIdle* UdpIdleList::expired(Time now, const UdpTimeouts& timeouts) {
  for (auto& pair : lists_) {
    for (auto& list : pair) {
      if (!list.empty() && now - list.front().last_ >= timeout_of(list.front(), timeouts)) return &list.front();
    }
  }
  return nullptr;
}

UdpIdle* UdpIdleList::dispensable(Time now, const UdpTimeouts& timeouts, Need need, const UdpIdle* but) {
  UdpIdle* best = nullptr;
  // The flow with the lowest goes.
  const auto worth = [&](const UdpIdle& flow) {
    const bool is_quiet = now - flow.last_ >= quiet_time;
    return std::pair(!is_quiet, is_quiet ? flow.last_ + timeout_of(flow, timeouts) : flow.last_);
  };
  for (std::size_t i = need == Need::descriptor ? 1 : 0; i < lists_.size(); ++i) {
    for (auto& list : lists_[i]) {
      // Within a list the first one is the lowest.
      const auto first = std::ranges::find_if(list, [but](const UdpIdle& flow) { return &flow != but; });
      if (first != list.end() && (best == nullptr || worth(*first) < worth(*best))) best = &*first;
    }
  }
  return best;
}

}  // namespace tfunnel::core
