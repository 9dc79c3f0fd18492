#include "proxy/names/name_table.hpp"

#include <algorithm>

namespace tfunnel::proxy {

void NameTable::learn(const core::Address& address, const std::string& name, core::Duration time_to_live,
                      core::Time now) {
  const auto until = now + std::clamp(time_to_live, limits_.least, limits_.most);
  core::Time others_until{};
  if (const auto known = by_address_.find(address); known != by_address_.end()) {
    const auto& entry = *known->second;
    others_until = entry.name == name ? entry.others_until : std::max(entry.others_until, entry.until);
    entries_.erase(known->second);
    by_address_.erase(known);
  } else if (entries_.size() >= limits_.entries) {
    by_address_.erase(entries_.front().address);
    entries_.pop_front();
  }
  by_address_[address] = entries_.insert(entries_.end(), {address, name, until, others_until});
}

std::optional<NameTable::Known> NameTable::find(const core::Address& address, core::Time now) const {
  const auto known = by_address_.find(address);
  if (known == by_address_.end() || known->second->until <= now) return std::nullopt;
  return Known{known->second->name, known->second->others_until > now};
}

}  // namespace tfunnel::proxy
