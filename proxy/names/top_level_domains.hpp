// Which top-level domains the nameservers know.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/core/time.hpp"
#include "common/io/asio.hpp"
#include "proxy/dns/dns_upstream.hpp"

namespace tfunnel::proxy {

/// "There is no such name" is worth nothing from nameservers that know nothing of the outside: those do not know `com`
/// either. Asks for its nameservers, and remembers what came of it for a while.
class TopLevelDomains {
 public:
  struct Limits {
    core::Duration answer = std::chrono::milliseconds(2500);  // no answer counts as unknown
    core::Duration known = std::chrono::minutes(10);          // how long that is believed
    core::Duration unknown = std::chrono::minutes(1);
    std::size_t domains = 256;
  };

  /// Both must outlive the io_context's last handler, and so must this.
  TopLevelDomains(asio::io_context& context, DnsUpstream& nameservers, const Limits& limits)
      : context_(context), nameservers_(nameservers), limits_(limits) {}

  /// Calls `done` once, perhaps from within, with whether the nameservers know the last label of `name`, a host_name().
  void ask(const std::string& name, std::function<void(bool)> done);
  /// Forgets those who wait.
  void stop();

 private:
  struct Domain {
    bool known = false;
    core::Time until;
    std::vector<std::function<void(bool)>> waiting;  // while it is asked for
    std::shared_ptr<asio::steady_timer> timer;
  };
  void start(const std::string& label);
  void learnt(const std::string& label, bool known);

  asio::io_context& context_;
  DnsUpstream& nameservers_;
  Limits limits_;
  std::map<std::string, Domain> domains_;
};

}  // namespace tfunnel::proxy
