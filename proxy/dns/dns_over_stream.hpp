// DNS over TCP through a way out that carries nothing but TCP (RFC 7766).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/io/log.hpp"
#include "proxy/dns/dns_upstream.hpp"
#include "proxy/dns/server_news.hpp"
#include "proxy/egress/egress.hpp"

namespace tfunnel::proxy {

class DnsStreamConnection;
struct DnsPending;

/// Sends queries pipelined over few connections: one a server, another when that one has its hands full. Answers may
/// come in any order; ids are ours on the wire, so that the queries of different clients never collide. A connection
/// that ends with queries unanswered is made again for them once; one without queries is closed, at once if there are
/// too many for another to be made.
class DnsOverStream final : public DnsUpstream {
 public:
  struct Limits {
    core::Duration answer = std::chrono::seconds(10);  // until a query counts as timed_out
    core::Duration idle = std::chrono::seconds(10);    // until a connection without queries is closed
    std::size_t pipelined = 128;                       // queries at once on a connection
    std::size_t connections = 4;                       // to one server
    std::size_t queries = 4096;                        // in all
    std::size_t all_connections = 256;                 // to whatever servers
  };

  /// `egress` and `log` must outlive the io_context's last handler, and so must this.
  DnsOverStream(asio::io_context& context, Egress& egress, const Limits& limits, const io::Log& log);
  DnsOverStream(asio::io_context& context, Egress& egress, const io::Log& log)
      : DnsOverStream(context, egress, Limits(), log) {}
  ~DnsOverStream() override;

  /// Errors: what the egress says; timed_out; no_buffer_space beyond the limits; connection_reset if the server closed
  /// the second connection too.
  void ask(const core::Endpoint& server, dns::Message query, Done done) override;

  void charge_to(core::MemoryBudget& memory) override { memory_ = &memory; }
  /// Closes all connections, and forgets the queries on them: nobody waits for the answers.
  void stop();

  [[nodiscard]] std::size_t connection_count() const;

 private:
  using Pool = std::vector<std::shared_ptr<DnsStreamConnection>>;

  void send(const core::Endpoint& server, DnsPending pending);
  void ended(DnsStreamConnection& connection, error_code error);
  void finish(DnsPending& pending, result<dns::Message> answer);
  void answered(const core::Endpoint& server, DnsPending& pending, result<dns::Message> answer);
  void tell_failure(const core::Endpoint& server, error_code error, std::optional<core::Time> asked);
  /// The cost of another connection, charged; none: there is no room for it, or there are too many.
  std::optional<core::Charge> room_for_connection();
  bool close_one_without_queries();

  asio::io_context& context_;
  Egress& egress_;
  Limits limits_;
  const io::Log& log_;
  std::map<core::Endpoint, Pool> pools_;
  ServerNews news_;
  std::size_t pending_ = 0;
  core::MemoryBudget* memory_ = nullptr;
};

}  // namespace tfunnel::proxy
