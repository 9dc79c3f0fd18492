#include "client/capture/capture_sockets.hpp"

#include "client/capture/transparent_socket.hpp"

namespace tfunnel::client {

namespace {

void keep(std::vector<io::Descriptor>& list, io::Descriptor socket) {
  if (socket.is_open()) list.push_back(std::move(socket));
}

}  // namespace

CaptureSockets open_capture_sockets(const std::vector<std::uint16_t>& ports, std::uint32_t mark) {
  CaptureSockets made;
  made.ports = ports;
  for (const auto port : ports) {
    for (const auto family : {Family::v4, Family::v6}) {
      keep(made.tcp, listen_transparent(family, port, mark));
      keep(made.udp, bind_transparent(family, port, mark));
    }
  }
  made.raw_v4 = open_raw(Family::v4, mark);
  made.raw_v6 = open_raw(Family::v6, mark);
  made.too_big = open_too_big();
  return made;
}

}  // namespace tfunnel::client
