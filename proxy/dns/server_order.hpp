// Which of several servers to ask first.
#pragma once

#include <map>
#include <vector>

#include "common/core/address.hpp"
#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

/// Servers in the order of the configuration, but those that did not answer of late last: a dead first server must not
/// delay every query. Pure.
class ServerOrder {
 public:
  /// How long a server that failed goes to the end of the line.
  static constexpr core::Duration penalty = std::chrono::seconds(30);

  [[nodiscard]] std::vector<core::Endpoint> arrange(const std::vector<core::Endpoint>& servers, core::Time now) const;
  void failed(const core::Endpoint& server, core::Time now) { until_[server] = now + penalty; }
  void worked(const core::Endpoint& server) { until_.erase(server); }

 private:
  std::map<core::Endpoint, core::Time> until_;  // as many as there are servers
};

}  // namespace tfunnel::proxy
