// Which names an address was looked up by.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <list>
#include <optional>
#include <string>

#include "common/core/address.hpp"
#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

/// The names in the DNS answers that passed, forgotten in time and bounded in size. Pure: the time is passed in.
class NameTable {
 public:
  struct Limits {
    std::size_t entries = 16'384;
    // Programs go on using an address after its time (browsers for a minute at least), and answers with a time to
    // live of 0 are used all the same; but an address that was given to somebody else must not keep its old name.
    core::Duration least = std::chrono::minutes(5);
    core::Duration most = std::chrono::hours(6);
  };

  NameTable() : NameTable(Limits()) {}
  explicit NameTable(const Limits& limits) : limits_(limits) {}

  struct Known {
    std::string name;
    /// Others were answered with the address as well. The owner of a name may let it lead to any address, also to one
    /// that is another's: then a connection to that address need not be meant for the name.
    bool shared = false;
  };

  /// `address` was given as an answer for `name`, a host_name(), good for `time_to_live`. The latest name counts:
  /// it is the one that a connection made next is most likely meant for.
  void learn(const core::Address& address, const std::string& name, core::Duration time_to_live, core::Time now);
  [[nodiscard]] std::optional<Known> find(const core::Address& address, core::Time now) const;

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    core::Address address;
    std::string name;
    core::Time until;
    core::Time others_until;  // of the names that it had before
  };
  using Entries = std::list<Entry>;
  struct Hash {
    std::size_t operator()(const core::Address& address) const noexcept {
      return std::hash<core::Endpoint>{}({address, 0});
    }
  };

  Limits limits_;
  Entries entries_;  // the longest unheard of first
  boost::unordered_flat_map<core::Address, Entries::iterator, Hash> by_address_;
};

}  // namespace tfunnel::proxy
