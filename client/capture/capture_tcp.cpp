#include "client/capture/capture_tcp.hpp"

#include <algorithm>
#include <new>

#include "client/capture/adopt.hpp"
#include "client/capture/routed_networks.hpp"
#include "common/io/errors.hpp"
#include "common/io/readiness.hpp"
#include "common/io/relay.hpp"

namespace tfunnel::client {

namespace {

// How long accepting rests when descriptors or flow ids are used up: long enough not to spin.
constexpr auto pause_time = std::chrono::milliseconds(100);
// Connections in a row before others get their turn in the event loop.
constexpr int most_in_a_row = 64;

}  // namespace

TcpCapture::TcpCapture(asio::io_context& context, CaptureSockets& sockets, ChooseLink choose, LoopTest comes_back,
                       const io::Log& log, Summary* summary)
    : context_(context), choose_(std::move(choose)), comes_back_(std::move(comes_back)), log_(log), summary_(summary) {
  for (auto& socket : sockets.tcp) {
    auto& listener = listeners_.emplace_back(
        Listener{adopt<tcp::acceptor>(context, std::move(socket)), asio::steady_timer(context)});
    listener.acceptor.non_blocking(true);
  }
}

void TcpCapture::set_mode(CaptureMode mode) {
  if (last_call_) return;
  mode_ = mode;
  for (auto& listener : listeners_) accept_later(listener);
}

void TcpCapture::last_call() {
  last_call_ = true;
  for (auto& listener : listeners_) accept(listener);
}

void TcpCapture::close() {
  last_call_ = true;
  for (auto& listener : listeners_) {
    error_code ignored;
    listener.acceptor.close(ignored);
    listener.pause.cancel();
  }
}

bool TcpCapture::something_waits() {
  return std::ranges::any_of(listeners_, [](auto& listener) {
    return listener.acceptor.is_open() && io::is_readable(listener.acceptor.native_handle());
  });
}

void TcpCapture::accept_later(Listener& listener) {
  if (mode_ == CaptureMode::wait || std::exchange(listener.waiting, true)) return;
  listener.acceptor.async_wait(tcp::acceptor::wait_read, [this, &listener](error_code error) {
    listener.waiting = false;
    if (!error) accept(listener);
  });
}

void TcpCapture::accept(Listener& listener) {
  bool all_taken = mode_ == CaptureMode::wait;
  for (int i = 0; i < most_in_a_row && !all_taken; ++i) {
    const auto link = mode_ == CaptureMode::serve ? choose_() : nullptr;
    if (link && link->mux().full(core::Transport::tcp)) {
      link->mux().make_room(std::chrono::steady_clock::now());
      return accept_after_pause(listener, "the far end takes no more flows");
    }
    error_code error;
    tcp::socket socket(context_);
    tcp::endpoint source;
    listener.acceptor.accept(socket, source, error);
    all_taken = io::is_transient(error);
    if (all_taken) exhausted_ = false;
    if (io::is_exhaustion(error)) return accept_after_pause(listener, error.message());
    // Any other error belongs to the one connection that was at the front of the queue (accept(2)).
    if (!error) take_if_possible(link, std::move(socket), source);
    all_taken = all_taken || mode_ == CaptureMode::wait;
  }
  if (!last_call_ || !all_taken) return accept_later(listener);
  error_code ignored;
  listener.acceptor.close(ignored);
}

// The waiting connections stay in the kernel's queue; those that exist go on meanwhile.
void TcpCapture::accept_after_pause(Listener& listener, const std::string& why) {
  if (!std::exchange(exhausted_, true)) log_.about_flow(io::LogLevel::warning, "accepting rests: " + why);
  listener.pause.expires_after(pause_time);
  listener.pause.async_wait([this, &listener](error_code error) {
    if (!error) accept(listener);
  });
}

// A lack of memory in the system concerns this connection only.
void TcpCapture::take_if_possible(const std::shared_ptr<io::Session>& link, tcp::socket socket,
                                  const tcp::endpoint& source) {
  try {
    if (!spare_memory_.for_a_flow()) throw std::bad_alloc();
    take(link, std::move(socket), source);
  } catch (const std::bad_alloc&) {
    log_.about_flow(io::LogLevel::warning, "out of memory: a connection is refused");
  }
}

// A connection that is dropped here is reset, since the listener was prepared for that.
void TcpCapture::take(const std::shared_ptr<io::Session>& link, tcp::socket socket, const tcp::endpoint& source) {
  error_code error;
  const auto destination = socket.local_endpoint(error);
  if (error) return;
  const core::FlowRequest request{core::Transport::tcp, io::from_asio(source), io::from_asio(destination)};
  if (comes_back_(request.destination)) {
    log_.about_flow(io::LogLevel::warning,
                    "refused a connection made straight to the capture port: it would come back for ever",
                    io::LogFlow(request));
  } else if (link && !is_routed(link->reach(), request.destination.address)) {
    log_.about_flow(io::LogLevel::info, "refused: network unreachable, the far end has no route there",
                    io::LogFlow(request));
    refused(request);
  } else if (link) {
    open(link, request, std::move(socket));
  } else {
    log_.about_flow(io::LogLevel::info, "refused: the link is down", io::LogFlow(request));
    refused(request, core::Reason::network_unreachable, Summary::Link::down);
  }
}

void TcpCapture::refused(const core::FlowRequest& request, core::Reason reason, Summary::Link state) {
  if (summary_ != nullptr) summary_->refused(request.destination, reason, state);
}

void TcpCapture::open(const std::shared_ptr<io::Session>& link, const core::FlowRequest& request, tcp::socket socket) {
  const auto relay = std::make_shared<io::Relay>(context_, std::shared_ptr<core::Mux>(link, &link->mux()), log_);
  link->mux().make_room(std::chrono::steady_clock::now());
  auto* flow = link->mux().open(request, relay);
  // Dropped here, the connection is reset.
  if (flow == nullptr) return refused(request, core::Reason::resource_limit);
  log_.debug("open", io::LogFlow(request, flow->id));
  relay->bind(*flow, request.source);
  relay->attach(std::move(socket));
}

}  // namespace tfunnel::client
