// The resolver that programs reach under the tunnel's virtual addresses: the far end's own.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "common/io/log.hpp"
#include "proxy/dns/dns_over_stream.hpp"
#include "proxy/dns/dns_ports.hpp"
#include "proxy/dns/dns_stream_session.hpp"
#include "proxy/dns/dns_upstream.hpp"
#include "proxy/dns/far_question.hpp"
#include "proxy/dns/nameservers.hpp"
#include "proxy/dns/server_news.hpp"
#include "proxy/dns/server_order.hpp"
#include "proxy/dns/truncated_answers.hpp"
#include "proxy/egress/egress_direct.hpp"
#include "proxy/io/descriptor_reserve.hpp"

namespace tfunnel::proxy {

/// Answers from the first nameserver that works: those of --dns, else this host's own. Each query is asked as
/// resolv.conf(5) says (see Inquiry), over UDP or TCP as it came; through an upstream that carries only TCP, all go
/// over TCP. The same query of several is asked once.
class FarResolver final : public DnsUpstream {
 public:
  struct Settings {
    std::vector<core::Endpoint> servers;  // empty: this host's own, which are always asked directly
    std::string resolv_conf = "/etc/resolv.conf";
    std::size_t queries = 16'384;  // that wait at once; each is charged for by its asker, too
  };

  /// `stream` is how Settings::servers are reached; null: this host reaches them itself.
  /// Everything referred to must outlive the io_context's last handler, and so must this.
  FarResolver(asio::io_context& context, Settings settings, DnsUpstream* stream, DescriptorReserve& reserve,
              const io::Log& log);

  /// Over UDP, where there is a choice. The server is of no matter. Errors: timed_out if some server was silent to the
  /// end; no_buffer_space beyond the limits; else the last server's. An answer that tells of a server's trouble
  /// (SERVFAIL, NOTIMP, REFUSED) counts only if no other server has a better one.
  void ask(const core::Endpoint& /*server*/, dns::Message query, Done done) override { ask(query, By::datagram, done); }
  void ask_again(const dns::Message& query) override;
  /// The same over TCP. A server that has truncated the answer over UDP is asked first.
  void ask_over_stream(const dns::Message& query, const Done& done) { ask(query, By::stream, done); }

  void charge_to(core::MemoryBudget& memory) override;
  /// Forgets all queries: nobody waits for the answers.
  void stop();

  /// A stream whose other end answers queries, as a nameserver's does. `ask`: by this instead of ask_over_stream().
  /// Errors: no_buffer_space without memory; the system's.
  result<tcp::socket> connect(const Target& asked, asio::yield_context yield, DnsStreamSession::Ask ask = nullptr);

 private:
  enum class By : std::uint8_t { datagram, stream };
  using Questions = std::map<dns::Message, std::shared_ptr<FarQuestion>>;

  void ask(const dns::Message& query, By by, const Done& done);
  [[nodiscard]] std::vector<core::Endpoint> servers(const dns::Message& query, By by);
  [[nodiscard]] FarQuestion::Ways ways(By by);
  /// Must this server be asked through the way out?
  [[nodiscard]] bool behind_way_out(const core::Endpoint& server) const;
  [[nodiscard]] bool goes_by_stream(const core::Endpoint& server, By by) const;
  void failed(const core::Endpoint& server, error_code error, core::Time asked);
  void answered(const core::Endpoint& server);
  void over(FarQuestion& question, By by);
  /// Queries are the same if all but their ids is.
  static dns::Message key_of(const dns::Message& query, By by);

  asio::io_context& context_;
  Settings settings_;
  DnsUpstream* stream_;
  const io::Log& log_;
  DirectEgress direct_;
  DnsOverStream direct_stream_;
  DnsPorts ports_;
  Nameservers own_;
  ServerOrder order_;
  ServerNews news_;  // of those that are asked by datagrams
  TruncatedAnswers truncated_;
  std::size_t rotation_ = 0;
  std::size_t waiting_ = 0;
  Questions questions_;
};

}  // namespace tfunnel::proxy
