#include "client/capture/capture_udp.hpp"

#include <algorithm>
#include <utility>

#include "client/capture/adopt.hpp"
#include "common/io/errors.hpp"
#include "common/io/readiness.hpp"

namespace tfunnel::client {

namespace {

using Clock = std::chrono::steady_clock;
// Datagrams in a row before others get their turn in the event loop.
constexpr std::size_t most_datagrams_in_a_row = 256;

}  // namespace

UdpSource::UdpSource(std::shared_ptr<io::Session> link, const core::Endpoint& source, UdpSources& sources,
                     RawSender& sender, Summary* summary)
    : DatagramEnd(link->mux()),
      link_(std::move(link)),
      source_(source),
      sources_(sources),
      sender_(sender),
      summary_(summary) {
  sources_[source_] = this;
}

void UdpSource::on_datagram(const core::Endpoint& peer, core::ByteView payload) {
  heard(Clock::now());
  if (summary_ != nullptr) summary_->datagram_received(peer, payload.size());
  if (!sender_.deliver(peer, source_, payload)) ++mux_.counters().datagrams_dropped;
}

void UdpSource::on_datagram_error(const core::Endpoint& peer, core::Reason reason) {
  if (summary_ != nullptr) summary_->datagram_refused(peer, reason);
  sender_.deliver_error(peer, source_, reason);
}

UdpCapture::UdpCapture(asio::io_context& context, CaptureSockets& sockets, ChooseLink choose, LoopTest comes_back,
                       const io::Log& log, Summary* summary)
    : choose_(std::move(choose)),
      comes_back_(std::move(comes_back)),
      log_(log),
      summary_(summary),
      sender_(context, std::move(sockets.raw_v4), std::move(sockets.raw_v6), log),
      // Strangers may forge it, but only about a flow that there is.
      too_big_(context, std::move(sockets.too_big), [this](const auto& program) {
        if (sources_.contains(program)) sender_.path_is_narrow(program.address);
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

void UdpCapture::close() {
  last_call_ = true;
  for (auto& receiver : receivers_) {
    error_code ignored;
    receiver.socket.close(ignored);
  }
  too_big_.close();
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
  for (std::size_t done = 0; done < most_datagrams_in_a_row && mode_ != CaptureMode::wait;) {
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
    log_.debug("dropped a datagram sent straight to the capture port", {{"source", source.text()}});
  } else if (mode_ == CaptureMode::refuse) {
    refuse(source, destination, Summary::Link::down);
  } else if (auto* end = source_for(now, source)) {
    // As the far end's own kernel would say it.
    if (end->excludes(destination.address)) return refuse(source, destination, Summary::Link::up);
    end->captured(now, destination, payload);
  }
}

void UdpCapture::refuse(const core::Endpoint& source, const core::Endpoint& destination, Summary::Link state) {
  if (summary_ != nullptr) summary_->datagram_refused(destination, core::Reason::network_unreachable, state);
  sender_.deliver_error(destination, source, core::Reason::network_unreachable);
}

/// Null: there is no room for one more, or no link.
UdpSource* UdpCapture::source_for(core::Time now, const core::Endpoint& source) {
  if (const auto found = sources_.find(source); found != sources_.end()) return found->second;
  const auto link = choose_();
  if (!link) return nullptr;
  auto& mux = link->mux();
  mux.make_room(now);
  if (mux.full(core::Transport::udp)) {
    ++mux.counters().datagrams_dropped;
    return nullptr;
  }
  const auto end = std::make_shared<UdpSource>(link, source, sources_, sender_, summary_);
  auto& flow = *mux.open({core::Transport::udp, source, {}}, end);
  log_.debug("open", io::LogFlow(flow.request, flow.id));
  end->bind(flow, now);
  return end.get();
}

}  // namespace tfunnel::client
