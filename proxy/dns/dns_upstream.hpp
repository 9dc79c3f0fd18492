// Where DNS queries are answered.
#pragma once

#include <functional>

#include "common/core/memory_budget.hpp"
#include "common/io/asio.hpp"
#include "common/io/errors.hpp"
#include "proxy/dns/dns_message.hpp"

namespace tfunnel::proxy {

/// Nobody has said anything in time, or there is no room here: the asker is told nothing then, and asks again, as he
/// would without us. Any other error tells something of the server.
inline bool is_silence(const error_code& error) {
  const auto reason = io::reason_of(error);
  return reason == core::Reason::timed_out || reason == core::Reason::resource_limit;
}

class DnsUpstream {
 public:
  /// The answer, with the id of the query; or why there is none.
  using Done = std::function<void(result<dns::Message>)>;

  DnsUpstream() = default;
  DnsUpstream(const DnsUpstream&) = delete;
  DnsUpstream& operator=(const DnsUpstream&) = delete;
  virtual ~DnsUpstream() = default;

  /// All that is kept beside the queries is charged to `memory`, which must outlive this; without it, to nobody.
  virtual void charge_to(core::MemoryBudget& memory) { static_cast<void>(memory); }

  /// Asks `server`. `done` is called exactly once, perhaps from within, unless all is stopped at the program's end. The
  /// answer may be of any size. REQUIRES: dns::is_query(query).
  virtual void ask(const core::Endpoint& server, dns::Message query, Done done) = 0;
  /// The asker has asked this again, and will get the one answer: it may be about time to ask another server.
  virtual void ask_again(const dns::Message& query) { static_cast<void>(query); }
};

}  // namespace tfunnel::proxy
