// Where DNS queries are answered.
#pragma once

#include <functional>

#include "common/core/memory_budget.hpp"
#include "common/io/asio.hpp"
#include "proxy/dns_message.hpp"

namespace tfunnel::proxy {

class DnsUpstream {
 public:
  /// The answer, with the id of the query; or why there is none.
  using Done = std::function<void(result<dns::Message>)>;

  DnsUpstream() = default;
  DnsUpstream(const DnsUpstream&) = delete;
  DnsUpstream& operator=(const DnsUpstream&) = delete;
  virtual ~DnsUpstream() = default;

  /// What is kept beside the queries is charged to `memory`, which must outlive this; without it, to nobody.
  virtual void charge_to(core::MemoryBudget& memory) { static_cast<void>(memory); }

  /// Asks `server`. `done` is called exactly once, perhaps from within, and not after the io_context has stopped. The
  /// answer may be of any size. REQUIRES: dns::is_query(query).
  virtual void ask(const core::Endpoint& server, dns::Message query, Done done) = 0;
};

}  // namespace tfunnel::proxy
