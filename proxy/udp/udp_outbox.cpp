#include "proxy/udp/udp_outbox.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace tfunnel::proxy {

void UdpOutbox::add(const std::shared_ptr<Sender>& sender, udp::socket& socket, const udp::endpoint& to,
                    core::ByteView payload) {
  if (socket_ != &socket || !writer_.add(to, payload)) {
    flush();
    sender_ = sender;
    socket_ = &socket;
    writer_.add(to, payload);
  }
  if (std::exchange(flush_due_, true)) return;
  asio::post(context_, [self = shared_from_this()] {
    self->flush_due_ = false;
    self->flush();
  });
}

void UdpOutbox::flush() {
  const auto sender = std::exchange(sender_, nullptr);
  auto* socket = std::exchange(socket_, nullptr);
  if (socket == nullptr) return;
  writer_.flush(socket->native_handle(),
                [&](const auto& to, auto payload, auto error) { sender->on_unsent(*socket, to, payload, error); });
}

}  // namespace tfunnel::proxy
