#include "client/capture/capture_udp.hpp"

#include <algorithm>
#include <utility>

#include "client/capture/adopt.hpp"
#include "common/io/errors.hpp"
#include "common/io/socket_queues.hpp"

namespace tfunnel::client {

namespace {

using Clock = std::chrono::steady_clock;
// Datagrams in a row before others get their turn in the event loop.
constexpr std::size_t most_in_a_row = 256;

}  // namespace

void UdpSource::on_datagram(const core::Endpoint& peer, core::ByteView payload) {
  heard(Clock::now());
  sender_.deliver(peer, source_, payload);
}

void UdpSource::on_datagram_error(const core::Endpoint& peer, core::Reason reason) {
  sender_.deliver_error(peer, source_, reason);
}

UdpCapture::UdpCapture(asio::io_context& context, CaptureSockets& sockets, ChooseLink choose, LoopTest comes_back,
                       const core::UdpTimeouts& timeouts, const io::Log& log)
    : choose_(std::move(choose)),
      comes_back_(std::move(comes_back)),
      log_(log),
      sender_(context, std::move(sockets.raw_v4), std::move(sockets.raw_v6), log),
      sweep_(context, timeouts, [this](auto now, const auto& limits) {
        std::erase_if(sources_, [&](const auto& entry) { return entry.second->expire(now, limits); });
        return !sources_.empty();
      }) {
  for (auto& socket : sockets.udp) receivers_.push_back({adopt<udp::socket>(context, std::move(socket))});
}

void UdpCapture::set_mode(CaptureMode mode) {
  if (last_call_) return;
  mode_ = mode;
  for (auto& receiver : receivers_) read_later(receiver);
}

void UdpCapture::last_call() {
  last_call_ = true;
  for (auto& receiver : receivers_) read(receiver);
}

bool UdpCapture::something_waits() {
  return std::ranges::any_of(receivers_,
                             [](auto& receiver) { return io::is_readable(receiver.socket.native_handle()); });
}

void UdpCapture::read_later(Receiver& receiver) {
  if (mode_ == CaptureMode::wait || std::exchange(receiver.waiting, true)) return;
  receiver.socket.async_wait(udp::socket::wait_read, [this, &receiver](error_code error) {
    receiver.waiting = false;
    if (!error) read(receiver);
  });
}

// Always read, even when the link is full: the flows' queues drop by age, the kernel's would not.
void UdpCapture::read(Receiver& receiver) {
  const auto now = Clock::now();
  const auto take_one = [&](const auto& source, const auto& destination, auto payload) {
    if (destination) take(now, source, *destination, payload);
  };
  for (std::size_t done = 0; done < most_in_a_row && mode_ != CaptureMode::wait;) {
    const auto count = reader_.read(receiver.socket.native_handle(), take_one);
    if (!count && io::is_transient(count.error())) {
      if (last_call_) return;
      break;
    }
    done += count ? *count : 1;
  }
  read_later(receiver);
}

void UdpCapture::take(core::Time now, const core::Endpoint& source, const core::Endpoint& destination,
                      core::ByteView payload) {
  if (comes_back_(destination)) {
    log_.debug("dropped a datagram sent straight to the capture port", {{"from", source.text()}});
  } else if (mode_ == CaptureMode::refuse) {
    sender_.deliver_error(destination, source, core::Reason::network_unreachable);
  } else if (const auto end = source_for(now, source)) {
    end->captured(now, destination, payload);
  }
}

/// Null: there is no room for one more, or no link.
std::shared_ptr<UdpSource> UdpCapture::source_for(core::Time now, const core::Endpoint& source) {
  auto& place = sources_[source];
  if (place && !place->ended()) return place;
  const auto link = choose_();
  place = link ? std::make_shared<UdpSource>(link, now, source, sender_) : nullptr;
  auto* flow = link ? link->mux().open({core::Transport::udp, source, {}}, place) : nullptr;
  if (flow == nullptr) {
    sources_.erase(source);
    if (link) ++link->mux().counters().datagrams_dropped;
    return nullptr;
  }
  log_.debug("open " + flow->request.text());
  place->bind(*flow);
  sweep_.wake();
  return place;
}

}  // namespace tfunnel::client
