// Names out of the DNS answers that pass as datagrams.
#pragma once

#include <vector>

#include "proxy/dns/dns_message.hpp"
#include "proxy/names/name_table.hpp"
#include "proxy/udp/udp_flow.hpp"

namespace tfunnel::proxy {

/// One flow's queries that went on as datagrams.
class DnsPassing final : public UdpPart {
 public:
  DnsPassing(UdpFlow& flow, NameTable& names) : flow_(flow), names_(names) {}

  /// REQUIRES: dns::is_query(query), and the flow is not over.
  void note(const core::Endpoint& peer, core::ByteView query);
  void on_received(const core::Endpoint& peer, core::ByteView payload) override;

 private:
  /// A query, up to the end of its question.
  struct Asked {
    core::Endpoint peer;
    dns::Message query;
    core::Charge charge;
  };
  static constexpr std::size_t most_asked = 16;

  UdpFlow& flow_;
  NameTable& names_;
  std::vector<Asked> asked_;  // the last few
};

/// Takes nothing: it notes what is asked of others, and learns from their answers.
class DnsWatch final : public UdpWay {
 public:
  /// `names` must outlive the io_context's last handler.
  explicit DnsWatch(NameTable& names) : names_(names) {}

  bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) override;

 private:
  NameTable& names_;
};

}  // namespace tfunnel::proxy
