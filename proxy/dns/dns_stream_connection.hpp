// One TCP connection to a nameserver, with any number of queries on it.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "proxy/dns/dns_framing.hpp"
#include "proxy/dns/dns_upstream.hpp"
#include "proxy/egress/egress.hpp"

namespace tfunnel::proxy {

/// A query that waits for its answer.
struct DnsPending {
  dns::Message query;  // with the client's id
  DnsUpstream::Done done;
  core::Time until;      // then it counts as timed_out
  bool retried = false;  // its first connection ended
};

/// Connects, sends each query under an id of its own, and matches the answers. Kept alive by its own pending waits;
/// over for good after `ended`.
class DnsStreamConnection final : public std::enable_shared_from_this<DnsStreamConnection> {
 public:
  struct Events {
    /// An answer, with the client's id, or timed_out.
    std::function<void(DnsPending&, result<dns::Message>)> answered;
    /// Once: the connection is over, or was never made; the listener takes the pending queries.
    std::function<void(DnsStreamConnection&, error_code)> ended;
  };

  /// `egress` must outlive the io_context's last handler. Without queries for `idle`, the connection ends by itself.
  /// `charge` is what it costs.
  DnsStreamConnection(asio::io_context& context, Egress& egress, const core::Endpoint& server, core::Duration idle,
                      Events events, core::Charge charge);

  void start();
  /// May be called before start() and before there is a connection.
  void send(DnsPending pending);

  /// Ends it, also while it is being made. REQUIRES: nothing is pending.
  void close() { over(asio::error::operation_aborted); }

  [[nodiscard]] const core::Endpoint& server() const { return server_; }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }
  [[nodiscard]] bool was_connected() const { return connected_; }
  std::vector<DnsPending> take_pending();

 private:
  void run(const asio::yield_context& yield);
  /// True while the stream makes sense.
  bool receive(core::ByteView bytes);
  void on_message(dns::Message message);
  void write();
  void tick();
  void expire(core::Time now);
  void over(error_code error);

  asio::io_context& context_;
  Egress& egress_;
  core::Endpoint server_;
  core::Duration idle_;
  Events events_;
  core::Charge charge_;
  asio::cancellation_signal connect_;  // ends the attempt to connect
  bool connecting_ = false;
  tcp::socket socket_;
  asio::steady_timer timer_;
  dns::Framing framing_;
  std::map<std::uint16_t, DnsPending> pending_;
  std::uint16_t last_id_ = 0;
  dns::Message outbox_;   // waits for the write under way
  dns::Message writing_;  // empty: none is
  core::Time last_use_;
  core::Time last_heard_;
  bool connected_ = false;
  bool over_ = false;
};

}  // namespace tfunnel::proxy
