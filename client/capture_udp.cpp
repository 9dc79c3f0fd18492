#include "client/capture_udp.hpp"

#include <algorithm>

#include "client/transparent_socket.hpp"
#include "common/io/errors.hpp"

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

UdpCapture::UdpCapture(asio::io_context& context, const std::vector<std::uint16_t>& ports, std::uint32_t mark,
                       const core::UdpTimeouts& timeouts, const io::Log& log)
    : ports_(ports),
      log_(log),
      sender_(context, mark, log),
      sweep_(context, timeouts, [this](auto now, const auto& limits) {
        std::erase_if(sources_, [&](const auto& entry) { return entry.second->expire(now, limits); });
        return !sources_.empty();
      }) {
  for (const auto port : ports_) {
    for (const auto family : {Family::v4, Family::v6}) {
      auto socket = bind_transparent(context, family, port, mark);
      if (socket) sockets_.push_back(std::move(*socket));
    }
  }
}

void UdpCapture::start(core::Mux& mux) {
  mux_ = &mux;
  for (auto& socket : sockets_) wait_readable(socket);
}

void UdpCapture::stop() {
  sweep_.stop();
  for (auto& socket : sockets_) {
    error_code ignored;
    socket.close(ignored);
  }
}

void UdpCapture::wait_readable(udp::socket& socket) {
  socket.async_wait(udp::socket::wait_read, [this, &socket](error_code error) {
    if (!error) read(socket);
  });
}

// Always read, even when the link is full: the flows' queues drop by age, the kernel's would not.
void UdpCapture::read(udp::socket& socket) {
  const auto now = Clock::now();
  const auto take_one = [&](const auto& source, const auto& destination, auto payload) {
    if (destination) take(now, source, *destination, payload);
  };
  for (std::size_t done = 0; done < most_in_a_row;) {
    const auto count = reader_.read(socket.native_handle(), take_one);
    if (!count && io::is_transient(count.error())) break;
    done += count ? *count : 1;
  }
  wait_readable(socket);
}

void UdpCapture::take(core::Time now, const core::Endpoint& source, const core::Endpoint& destination,
                      core::ByteView payload) {
  if (goes_to_ourselves(destination)) {
    log_.debug("dropped a datagram sent straight to the capture port", {{"from", source.text()}});
    return;
  }
  const auto end = source_for(now, source);
  if (end) {
    end->captured(now, destination, payload);
  } else {
    ++mux_->counters().datagrams_dropped;
  }
}

bool UdpCapture::goes_to_ourselves(const core::Endpoint& destination) const {
  return std::ranges::find(ports_, destination.port) != ports_.end() && is_local_address(destination.address);
}

std::shared_ptr<UdpSource> UdpCapture::source_for(core::Time now, const core::Endpoint& source) {
  auto& place = sources_[source];
  if (place && !place->ended()) return place;
  place = std::make_shared<UdpSource>(*mux_, now, source, sender_);
  auto* flow = mux_->open({core::Transport::udp, source, {}}, place);
  if (flow == nullptr) {
    sources_.erase(source);
    return nullptr;
  }
  log_.debug("open " + flow->request.text());
  place->bind(*flow);
  sweep_.wake();
  return place;
}

}  // namespace tfunnel::client
