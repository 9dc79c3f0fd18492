// The resolver that programs reach under the tunnel's virtual addresses: the far end's own.
#pragma once

#include <vector>

#include "common/io/log.hpp"
#include "proxy/descriptor_reserve.hpp"
#include "proxy/dns_upstream.hpp"
#include "proxy/egress_direct.hpp"
#include "proxy/nameservers.hpp"
#include "proxy/server_order.hpp"

namespace tfunnel::proxy {

/// Answers from the first nameserver that works: those of --dns, else this host's own. Queries over UDP go out over
/// UDP, streams as streams; through an upstream that carries only TCP, all go as streams.
class FarResolver final : public DnsUpstream {
 public:
  struct Settings {
    std::vector<core::Endpoint> servers;  // empty: this host's own, which are always asked directly
    std::string resolv_conf = "/etc/resolv.conf";
    core::Duration timeout = std::chrono::seconds(2);  // for one server's answer or connection
    std::size_t queries = 512;                         // at once; each takes a descriptor
  };

  /// `way_out` is where streams to Settings::servers go, and `stream` how queries to them do; both null if this host
  /// reaches them itself. Everything referred to must outlive the io_context's last handler, and so must this.
  FarResolver(asio::io_context& context, Settings settings, Egress* way_out, DnsUpstream* stream,
              DescriptorReserve& reserve, const io::Log& log);

  /// The server is of no matter. Errors: what the last server's was. An answer that tells of a server's trouble
  /// (SERVFAIL, NOTIMP, REFUSED) counts only if no other server has a better one.
  void ask(const core::Endpoint& server, dns::Message query, Done done) override;

  void charge_to(core::MemoryBudget& memory) override {
    if (stream_ != nullptr) stream_->charge_to(memory);
  }

  /// A stream to a nameserver, for who asked for the virtual one.
  result<tcp::socket> connect(const Target& asked, asio::yield_context yield);

 private:
  [[nodiscard]] std::vector<core::Endpoint> servers();
  /// Must this server be asked through the way out?
  [[nodiscard]] bool behind_way_out(const core::Endpoint& server) const;
  void resolve_in_coroutine(dns::Message query, Done done);
  result<dns::Message> resolve(const dns::Message& query, const asio::yield_context& yield);
  result<dns::Message> ask_one(const core::Endpoint& server, const dns::Message& query,
                               const asio::yield_context& yield);
  result<dns::Message> ask_stream(const core::Endpoint& server, const dns::Message& query,
                                  const asio::yield_context& yield);
  void failed(const core::Endpoint& server, error_code error);

  asio::io_context& context_;
  Settings settings_;
  Egress* way_out_;
  DnsUpstream* stream_;
  DescriptorReserve& reserve_;
  const io::Log& log_;
  DirectEgress direct_;
  Nameservers own_;
  ServerOrder order_;
  std::size_t pending_ = 0;
};

}  // namespace tfunnel::proxy
