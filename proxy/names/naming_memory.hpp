// Whether an upstream takes a destination by its name or by its address.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/core/address.hpp"
#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

/// The name that an upstream is asked for. Empty: the address.
struct Naming {
  std::string first;
  std::optional<std::string> second = {};  // if it cannot do with the first
  bool doubtful = false;                   // the second may be another's name: only if the first is forbidden

  bool operator==(const Naming&) const = default;
};

/// Remembers where only the second of a naming worked, so that later flows do not pay for the first: an upstream may
/// take half a minute to say that it cannot find a name. Bounded, and forgotten in time. Pure: the time is passed in.
class NamingMemory {
 public:
  static constexpr core::Duration lasts = std::chrono::minutes(5);
  static constexpr std::size_t most = 1024;

  /// The upstream refused `naming`'s first and took its second. REQUIRES: it has one. A doubtful one is not remembered.
  void second_worked(const core::Endpoint& destination, const Naming& naming, core::Time now);
  /// `naming`, the other way round if that is what works.
  [[nodiscard]] Naming arranged(const core::Endpoint& destination, Naming naming, core::Time now) const;

 private:
  struct Key {
    core::Endpoint destination;
    std::string first;
    std::string second;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, core::Time> until_;
};

}  // namespace tfunnel::proxy
