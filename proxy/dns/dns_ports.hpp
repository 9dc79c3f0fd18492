// DNS queries over UDP, from this host.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "common/io/asio.hpp"
#include "proxy/dns/dns_message.hpp"
#include "proxy/io/descriptor_reserve.hpp"

namespace tfunnel::proxy {

class DnsPort;

/// A query that may be answered: for as long as this lives, its id and its port are kept.
class DnsAsked {
 public:
  /// An answer, with the query's own id; or why there will be none (connection_refused: nobody listens there).
  /// Possibly several times, never from within send(). It may destroy the DnsAsked.
  using Heard = std::function<void(result<dns::Message>)>;

  DnsAsked(std::shared_ptr<DnsPort> port, dns::Message query, std::uint16_t id, Heard heard);
  ~DnsAsked();
  DnsAsked(const DnsAsked&) = delete;
  DnsAsked& operator=(const DnsAsked&) = delete;

  /// Sends it, the second time with the same id from the same port, as resolvers do. Errors: the system's. A query that
  /// does not fit into the socket's buffer counts as lost on the way.
  error_code send();

 private:
  friend class DnsPort;
  std::shared_ptr<DnsPort> port_;
  dns::Message query_;  // with the id on the wire
  std::uint16_t client_id_;
  Heard heard_;
};

/// Sockets for queries. Each is connected, so that nobody but the server is heard, has a port that only chance knows,
/// and lives no longer than the queries on it; each query has an id that only chance knows, so that nobody
/// can answer it without seeing it (RFC 5452). A query has a port of its own as long as there are few, and shares one
/// with others then: the descriptors are bounded, and the queries are not.
class DnsPorts {
 public:
  static constexpr std::size_t most_to_one_server = 128;

  /// All must outlive the io_context's last handler, and so must this.
  DnsPorts(asio::io_context& context, DescriptorReserve& reserve) : context_(context), reserve_(reserve) {}
  DnsPorts(const DnsPorts&) = delete;
  DnsPorts& operator=(const DnsPorts&) = delete;
  ~DnsPorts();

  /// A query to `server`, not sent yet. Errors: no_buffer_space without a descriptor, a port or an id; the system's.
  /// REQUIRES: dns::is_query(query).
  result<std::unique_ptr<DnsAsked>> ask(const core::Endpoint& server, const dns::Message& query, DnsAsked::Heard heard);

 private:
  friend class DnsPort;
  using Pool = std::vector<DnsPort*>;

  result<std::shared_ptr<DnsPort>> port_to(const core::Endpoint& server);
  result<std::shared_ptr<DnsPort>> open(const core::Endpoint& server);
  void forget(const core::Endpoint& server, DnsPort& port);
  std::uint16_t random_id() { return static_cast<std::uint16_t>(random_() & 0xffff); }

  asio::io_context& context_;
  DescriptorReserve& reserve_;
  std::random_device random_;
  std::map<core::Endpoint, Pool> pools_;  // ports remove themselves
  dns::Message buffer_;                   // for whichever port reads
};

}  // namespace tfunnel::proxy
