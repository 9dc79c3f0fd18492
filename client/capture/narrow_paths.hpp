// Destinations behind a link that is narrower than ours. Pure.
#pragma once

#include <chrono>
#include <map>

#include "common/core/address.hpp"
#include "common/core/datagram_queue.hpp"

namespace tfunnel::client {

/// Remembers for ten minutes, as RFC 8201 (5.3) has it: the path may change, and a wide one needs no fragments.
class NarrowPaths {
 public:
  void add(const core::Address& destination, core::Time now) {
    // A source that tells of many is a nuisance, not a network; a forgotten path is soon learned again.
    if (since_.size() >= most) since_.clear();
    since_[destination] = now;
  }

  /// False: as far as we know, all that our own link takes arrives.
  [[nodiscard]] bool contains(const core::Address& destination, core::Time now) const {
    const auto found = since_.find(destination);
    return found != since_.end() && now - found->second < memory;
  }
  [[nodiscard]] bool empty() const { return since_.empty(); }

  static constexpr std::size_t most = 1024;
  static constexpr std::chrono::minutes memory{10};

 private:
  std::map<core::Address, core::Time> since_;
};

}  // namespace tfunnel::client
