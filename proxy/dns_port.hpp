// One socket to a nameserver.
#pragma once

#include <map>
#include <memory>

#include "proxy/dns_ports.hpp"

namespace tfunnel::proxy {

/// Kept alive by the queries on it; its waits keep it only while they run.
class DnsPort final : public std::enable_shared_from_this<DnsPort> {
 public:
  DnsPort(DnsPorts& ports, const core::Endpoint& server, udp::socket socket)
      : ports_(&ports), server_(server), socket_(std::move(socket)) {}
  ~DnsPort();
  DnsPort(const DnsPort&) = delete;
  DnsPort& operator=(const DnsPort&) = delete;

  /// An id that no query on it has.
  result<std::uint16_t> free_id();
  void add(std::uint16_t id, DnsAsked& asked) { asked_.emplace(id, &asked); }
  void remove(std::uint16_t id);
  error_code send(core::ByteView query);
  void listen();
  /// Whoever made it is gone.
  void orphan() { ports_ = nullptr; }

 private:
  /// False: nothing more is there to be read now.
  bool receive();
  void on_message(dns::Message message);
  void on_error(error_code error);

  DnsPorts* ports_;
  core::Endpoint server_;
  udp::socket socket_;
  std::map<std::uint16_t, DnsAsked*> asked_;
};

}  // namespace tfunnel::proxy
