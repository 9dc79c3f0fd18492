#include "client/capture_tcp.hpp"

#include <algorithm>

#include "client/transparent_socket.hpp"
#include "common/io/errors.hpp"
#include "common/io/relay.hpp"
#include "common/io/socket_options.hpp"

namespace tfunnel::client {

namespace {
// How long accepting rests when descriptors or flow ids are used up: long enough not to spin.
constexpr auto pause_time = std::chrono::milliseconds(100);
// Connections in a row before others get their turn in the event loop.
constexpr int most_in_a_row = 64;
}  // namespace

TcpCapture::TcpCapture(asio::io_context& context, const std::vector<std::uint16_t>& ports, std::uint32_t mark,
                       const io::Log& log)
    : context_(context), ports_(ports), log_(log) {
  for (const auto port : ports_) {
    for (const auto family : {Family::v4, Family::v6}) {
      auto acceptor = listen_transparent(context_, family, port, mark);
      if (acceptor) listeners_.push_back({std::move(*acceptor), asio::steady_timer(context_)});
    }
  }
}

void TcpCapture::start(core::Mux& mux, io::DataPath* path) {
  mux_ = &mux;
  path_ = path;
  for (auto& listener : listeners_) accept_later(listener);
}

void TcpCapture::stop() {
  for (auto& listener : listeners_) {
    error_code ignored;
    listener.acceptor.close(ignored);
    listener.pause.cancel();
  }
}

void TcpCapture::accept_later(Listener& listener) {
  listener.acceptor.async_wait(tcp::acceptor::wait_read, [this, &listener](error_code error) {
    if (!error) accept(listener);
  });
}

void TcpCapture::accept(Listener& listener) {
  for (int i = 0; i < most_in_a_row; ++i) {
    if (mux_->full()) return accept_after_pause(listener, "the far end takes no more flows");
    error_code error;
    tcp::socket socket(context_);
    tcp::endpoint source;
    listener.acceptor.accept(socket, source, error);
    if (io::is_transient(error)) {
      exhausted_ = false;
      break;
    }
    if (io::is_exhaustion(error)) return accept_after_pause(listener, error.message());
    // Any other error belongs to the one connection that was at the front of the queue (accept(2)).
    if (!error) add(std::move(socket), source);
  }
  accept_later(listener);
}

// The waiting connections stay in the kernel's queue; those that exist go on meanwhile.
void TcpCapture::accept_after_pause(Listener& listener, const std::string& why) {
  if (!std::exchange(exhausted_, true)) log_.warning("accepting rests: " + why);
  listener.pause.expires_after(pause_time);
  listener.pause.async_wait([this, &listener](error_code error) {
    if (!error) accept(listener);
  });
}

bool TcpCapture::is_own_port(std::uint16_t port) const { return std::ranges::find(ports_, port) != ports_.end(); }

void TcpCapture::add(tcp::socket socket, const tcp::endpoint& source) {
  error_code error;
  const auto destination = socket.local_endpoint(error);
  if (error) return;
  const core::FlowRequest request{core::Transport::tcp, io::from_asio(source), io::from_asio(destination)};
  if (is_own_port(request.destination.port) && is_local_address(request.destination.address)) {
    log_.about_flow(io::LogLevel::warning,
                    "refused a connection made straight to the capture port: it would come back for ever",
                    {{"flow", request.text()}});
    return;
  }
  log_.debug("open " + request.text());
  const auto relay = std::make_shared<io::Relay>(context_, *mux_, path_, log_);
  auto* flow = mux_->open(request, relay);
  relay->bind(*flow);
  relay->attach(std::move(socket));
}

}  // namespace tfunnel::client
