#include "proxy/names/naming_memory.hpp"

#include <cassert>
#include <utility>

namespace tfunnel::proxy {

void NamingMemory::second_worked(const core::Endpoint& destination, const Naming& naming, core::Time now) {
  assert(naming.second);
  if (naming.doubtful) return;
  // It was the other way round until now.
  if (until_.erase({destination, *naming.second, naming.first}) > 0) return;
  if (until_.size() >= most) std::erase_if(until_, [now](const auto& entry) { return entry.second <= now; });
  if (until_.size() >= most) until_.erase(until_.begin());
  until_[{destination, naming.first, *naming.second}] = now + lasts;
}

Naming NamingMemory::arranged(const core::Endpoint& destination, Naming naming, core::Time now) const {
  if (!naming.second) return naming;
  const auto known = until_.find({destination, naming.first, *naming.second});
  if (known != until_.end() && known->second > now) std::swap(naming.first, *naming.second);
  return naming;
}

}  // namespace tfunnel::proxy
