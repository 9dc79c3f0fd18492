// Addresses that stand for names which only an upstream proxy can resolve.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/core/address.hpp"
#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

/// Two addresses a name, one of each family: out of 198.19.0.0/16, a part of the range for benchmarks (RFC 2544) that
/// no network routes, and out of a unique local /64 (RFC 4193) of our own, chosen by chance. They never leave this
/// host: who connects to one means the name.
///
/// Where an address lies follows from the name, so that all far ends of a client (--links), and one that was started
/// anew, give the same: but for the few names whose place another has.
///
/// A name keeps its addresses as long as it is remembered: as long as a flow uses it, and for Limits::keep after its
/// last use. Beyond that it is remembered too, until its place is needed; the one unused for the longest time goes
/// first.
class VirtualNames {
 public:
  struct Limits {
    std::size_t names = 16'384;
    // Not those that end in .0 and .255, which some programs take for networks. More than there are names, so that few
    // want the same, and an address that was forgotten seldom gets another name soon.
    std::uint32_t addresses = 256 * 254;
    /// Longer than what was said of it is good for, with which programs go on to it.
    core::Duration keep = std::chrono::minutes(1);
    /// How long a name counts as one that has no real answer, and the time to live of what is said of it.
    core::Duration time_to_live = std::chrono::seconds(30);
  };
  struct Addresses {
    core::Address v4;
    core::Address v6;
    bool operator==(const Addresses&) const = default;
  };
  using Clock = std::function<core::Time()>;

  /// Addresses in `taken` mean something else and are not of the pool.
  explicit VirtualNames(std::set<core::Address> taken) : VirtualNames(std::move(taken), Limits()) {}
  VirtualNames(std::set<core::Address> taken, const Limits& limits, Clock clock = std::chrono::steady_clock::now);
  VirtualNames(const VirtualNames&) = delete;
  VirtualNames& operator=(const VirtualNames&) = delete;

  /// Is it an address of the pool, whether or not it has a name?
  [[nodiscard]] bool is_virtual(const core::Address& address) const;

  /// The addresses of `name`, a host_name(), which has no real ones; none: all places are in use. Counts as a use.
  std::optional<Addresses> assign(const std::string& name);
  /// The same if that was found out less than a time to live ago; else none, and it is to be found out again.
  std::optional<Addresses> current(const std::string& name);
  /// A flow to `address`, which stands for no name here, says that it is for `name`, a host_name(). True if the address
  /// is where that name's must be: another far end has given it. Then it stands for it here too.
  bool adopt(const std::string& name, const core::Address& address);
  /// `name` has a real answer after all. Flows to its addresses work on.
  void has_real_answer(const std::string& name);

  /// The name that `address` stands for; none: nobody, or nobody any more.
  [[nodiscard]] std::optional<std::string> name_of(const core::Address& address) const;
  /// A flow to `address`, which keeps the name as long as what is returned lives; null: it stands for no name. It may
  /// outlive this object.
  std::shared_ptr<const void> flow_to(const core::Address& address);

  [[nodiscard]] core::Duration time_to_live() const { return limits_.time_to_live; }
  [[nodiscard]] std::size_t size() const { return by_name_.size(); }

 private:
  struct Entry {
    std::string name;
    std::uint32_t number = 0;  // of its addresses
    std::size_t flows = 0;
    core::Time last_use;
    core::Time current_until;
  };
  using Entries = std::list<Entry>;
  class Hold;

  [[nodiscard]] std::optional<std::uint32_t> number_of(const core::Address& address) const;
  [[nodiscard]] bool is_taken(std::uint32_t number) const;
  bool make_room();
  /// Where the name's addresses are if nobody else has them.
  [[nodiscard]] std::uint32_t place_of(const std::string& name) const;
  [[nodiscard]] std::optional<std::uint32_t> free_number(const std::string& name) const;
  void add(const std::string& name, std::uint32_t number);
  void touch(Entries::iterator entry);
  void release(Entries::iterator entry);

  std::shared_ptr<VirtualNames*> self_ = std::make_shared<VirtualNames*>(this);  // for holds
  std::set<core::Address> taken_;
  Limits limits_;
  Clock clock_;
  Entries unused_;  // without flows, the longest unused first
  Entries in_use_;
  boost::unordered_flat_map<std::string, Entries::iterator> by_name_;
  boost::unordered_flat_map<std::uint32_t, Entries::iterator> by_number_;
};

}  // namespace tfunnel::proxy
