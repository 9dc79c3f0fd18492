// The ends of datagrams to resolvers and names, which are no hosts.
#pragma once

#include <set>

#include "proxy/names/dns_questions.hpp"
#include "proxy/names/virtual_names.hpp"

namespace tfunnel::proxy {

/// The virtual resolver: port 53 of its addresses is answered, and their other ports are refused, so that a program
/// does without them at once.
class ResolverWay final : public UdpWay {
 public:
  /// `upstream` answers; `names`, if not null, learns. Both must outlive the io_context's last handler.
  ResolverWay(std::set<core::Address> addresses, DnsUpstream& upstream, NameTable* names)
      : addresses_(std::move(addresses)), terms_{upstream, names, true} {}

  void serve(core::Mux& mux) override { terms_.upstream.charge_to(mux.budget()); }
  bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) override;

 private:
  std::set<core::Address> addresses_;
  DnsQuestions::Terms terms_;
};

/// Virtual addresses take no datagrams: an upstream is told names for connections only.
class VirtualNamesWay final : public UdpWay {
 public:
  /// `names` must outlive this.
  explicit VirtualNamesWay(const VirtualNames& names) : names_(names) {}

  bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) override;

 private:
  const VirtualNames& names_;
};

/// Answers port 53 of all addresses, where datagrams cannot pass.
class DnsOverStreamWay final : public UdpWay {
 public:
  /// `stream` answers; `names`, if not null, learns. Both must outlive the io_context's last handler.
  DnsOverStreamWay(DnsUpstream& stream, NameTable* names) : terms_{stream, names, false} {}

  void serve(core::Mux& mux) override { terms_.upstream.charge_to(mux.budget()); }
  bool take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) override;

 private:
  DnsQuestions::Terms terms_;
};

}  // namespace tfunnel::proxy
