// DNS queries of a UDP flow that are answered by us instead of passing as datagrams.
#pragma once

#include <map>

#include "proxy/dns/dns_upstream.hpp"
#include "proxy/names/name_table.hpp"
#include "proxy/udp/udp_flow.hpp"

namespace tfunnel::proxy {

/// One flow's questions to one upstream.
class DnsQuestions final : public UdpPart {
 public:
  struct Terms {
    DnsUpstream& upstream;
    /// Learns the names in the answers, if not null.
    NameTable* names = nullptr;
    /// It is a resolver that is asked, and one that cannot resolve says so. Otherwise it is a server, and one that
    /// cannot be reached is unreachable.
    bool is_resolver = false;
  };
  /// `terms`, and all that they refer to, must outlive the io_context's last handler.
  DnsQuestions(UdpFlow& flow, const Terms& terms) : flow_(flow), terms_(terms) {}

  /// All but queries is dropped. REQUIRES: the flow is not over.
  void ask(const core::Endpoint& peer, core::ByteView query);

  [[nodiscard]] std::string describe(std::string words) const override {
    return words.empty() ? "names only" : std::move(words);
  }

 private:
  /// A query that waits for an answer of ours, and its cost meanwhile.
  struct Question {
    core::Endpoint peer;
    dns::Message query;
    core::Charge charge;
  };
  /// The same one, which waits already: an application asks again when it has waited for a while.
  [[nodiscard]] bool is_asked(const core::Endpoint& peer, core::ByteView query) const;
  void forget(const Question& question);
  void on_answer(const core::Endpoint& peer, const dns::Message& query, result<dns::Message> answer);
  void on_no_answer(const core::Endpoint& peer, const dns::Message& query, error_code error);

  UdpFlow& flow_;
  const Terms& terms_;
  std::multimap<std::uint16_t, const Question*> waiting_;  // by their ids; they live with those who answer them
};

}  // namespace tfunnel::proxy
