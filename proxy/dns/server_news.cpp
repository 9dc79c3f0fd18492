#include "proxy/dns/server_news.hpp"

#include <utility>

namespace tfunnel::proxy {

bool ServerNews::failed(const core::Endpoint& server, core::Time now) {
  auto* known = find_or_make(server, now);
  return known != nullptr && dies(*known, now);
}

bool ServerNews::silent(const core::Endpoint& server, core::Time asked, core::Time now) {
  auto* known = find_or_make(server, now);
  if (known == nullptr) return false;
  if (known->silences++ == 0) known->since = asked;
  return known->silences >= silences && now - known->since >= least_silence && dies(*known, now);
}

bool ServerNews::dies(Server& server, core::Time now) {
  if (server.told || (server.told_at && now - *server.told_at < pause)) return false;
  server.told = true;
  server.told_at = now;
  return true;
}

// When it died last is kept.
bool ServerNews::answered(const core::Endpoint& server) {
  const auto found = servers_.find(server);
  if (found == servers_.end()) return false;
  auto& known = found->second;
  known.silences = 0;
  if (known.told_at) return std::exchange(known.told, false);
  servers_.erase(found);
  return false;
}

ServerNews::Server* ServerNews::find_or_make(const core::Endpoint& server, core::Time now) {
  const auto found = servers_.find(server);
  if (found != servers_.end()) return &found->second;
  if (servers_.size() >= most_servers) {
    std::erase_if(servers_, [now](const auto& entry) {
      const auto& [endpoint, known] = entry;
      return !known.told && (!known.told_at || now - *known.told_at >= pause);
    });
  }
  return servers_.size() < most_servers ? &servers_[server] : nullptr;
}

}  // namespace tfunnel::proxy
