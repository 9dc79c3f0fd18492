// UDP flows whose DNS queries are answered by us instead of passing as datagrams.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "common/io/datagram_end.hpp"
#include "common/io/log.hpp"
#include "proxy/dns_upstream.hpp"
#include "proxy/egress.hpp"
#include "proxy/name_table.hpp"
#include "proxy/virtual_names.hpp"

namespace tfunnel::proxy {

/// The ways of a flow's datagrams.
struct DnsRoutes {
  /// Addresses whose port 53 `resolver` answers; their other ports are refused.
  std::set<core::Address> resolver_addresses;
  DnsUpstream* resolver = nullptr;
  /// Answers port 53 of all other addresses, where datagrams cannot pass; null: they pass.
  DnsUpstream* stream = nullptr;
  /// All other datagrams. Never null.
  DatagramEgress* others = nullptr;
  /// Learns the names in all answers that pass, if not null.
  NameTable* names = nullptr;
  /// Its addresses take no datagrams: an upstream is told names for connections only. Null: there are none.
  const VirtualNames* virtual_names = nullptr;
};

/// One flow. All but DNS goes on to an end of DnsRoutes::others, made when first needed.
class DnsEnd final : public io::DatagramEnd, public std::enable_shared_from_this<DnsEnd> {
 public:
  DnsEnd(core::Mux& mux, const DnsRoutes& routes) : DatagramEnd(mux), routes_(routes) {}

  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  void on_datagram_error(const core::Endpoint& peer, core::Reason reason) override;
  void on_fin() override;
  void on_reset(core::Reason reason) override;
  void on_finished() override;
  void on_link_end() override;
  core::Pulled pull(core::Batch& batch, std::size_t allowance, core::Time now) override;
  [[nodiscard]] std::string describe() const override;

 private:
  /// A query that waits for an answer of ours, and what it takes meanwhile.
  struct Question {
    core::Endpoint peer;
    dns::Message query;
    core::Charge charge;
  };
  /// Nobody takes datagrams for `peer`, so that a program does without them at once.
  [[nodiscard]] bool is_refused(const core::Endpoint& peer, bool to_resolver) const;
  void ask(DnsUpstream& upstream, const core::Endpoint& peer, core::ByteView query);
  /// The same one, which waits already: an application asks again when it has waited for a while.
  [[nodiscard]] bool is_asked(const core::Endpoint& peer, core::ByteView query) const;
  void forget(const Question& question);
  void on_answer(const core::Endpoint& peer, const dns::Message& query, result<dns::Message> answer);
  void on_no_answer(const core::Endpoint& peer, const dns::Message& query, error_code error);
  void pass(const core::Endpoint& peer, core::ByteView payload);
  void note_asked(const core::Endpoint& peer, core::ByteView query);
  /// Sees what others' end sends to the application.
  void on_passing(const core::Endpoint& peer, core::ByteView payload);

  /// A query that passed as a datagram, up to the end of its question.
  struct Asked {
    core::Endpoint peer;
    dns::Message query;
    core::Charge charge;
  };
  static constexpr std::size_t most_asked = 16;

  const DnsRoutes& routes_;
  std::multimap<std::uint16_t, const Question*> waiting_;  // by their ids; they live with those who answer them
  std::shared_ptr<core::FlowHandler> other_;
  std::vector<Asked> asked_;  // the last few, if names are learnt
};

/// All of a proxy's UDP flows, as far as DNS is concerned.
class DnsEnds final : public DatagramEgress {
 public:
  /// All that `routes` points to must outlive the io_context's last handler, and so must this.
  explicit DnsEnds(DnsRoutes routes) : routes_(std::move(routes)) {}

  void serve(core::Mux& mux) override;
  std::shared_ptr<core::FlowHandler> add(core::Flow& flow) override;

 private:
  DnsRoutes routes_;
  core::Mux* mux_ = nullptr;
};

}  // namespace tfunnel::proxy
