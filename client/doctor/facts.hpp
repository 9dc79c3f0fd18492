// What is known of this machine before anything is judged.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/doctor/ruleset.hpp"
#include "client/rules/system_routing.hpp"
#include "common/core/address.hpp"

namespace tfunnel::client {

/// A value of each family.
template <class T>
struct PerFamily {
  T v4{};
  T v6{};

  T& of(bool is_v4) { return is_v4 ? v4 : v6; }
  const T& of(bool is_v4) const { return is_v4 ? v4 : v6; }
};

/// This process, which may do what a `tfunnel up` of the same user may do.
struct OwnFacts {
  std::string program;  // its file
  bool is_root = false;
  bool may_change_rules = false;     // CAP_NET_ADMIN
  bool may_send_raw = false;         // CAP_NET_RAW
  bool gains_no_rights = false;      // PR_SET_NO_NEW_PRIVS
  std::uint64_t descriptors = 0;     // the hard limit
  std::chrono::sys_seconds now;      // the clock
  std::chrono::sys_seconds made_at;  // when the program's file was made
};

struct ProcessFacts {
  pid_t pid = 0;  // 0: it is in a PID namespace that we cannot see into
  bool is_stopped = false;
};

/// The `tfunnel up` that runs here.
struct InstanceFacts {
  ProcessFacts process;
  std::vector<ProcessFacts> children;  // the link's command, and all that it started
  std::optional<std::uint64_t> descriptors;
};

/// Something in the kernel that rules need.
struct Feature {
  std::string name;    // what is missing, in a few words
  std::string module;  // by which it may come; empty: by none
};

struct FeatureFacts {
  bool is_known = false;         // else we may not ask
  std::vector<Feature> missing;  // nothing is captured without them
  bool has_owned_tables = true;  // Linux 5.12
  bool has_control_groups = true;
  std::string refusal;  // what the kernel says to all of the rules, if that is no one feature's lack
};

/// A socket that strangers can talk to.
struct Listener {
  bool is_tcp = true;
  core::Endpoint at;  // as it is bound: all zeros for every address; that of IPv6 is mostly meant for both families

  auto operator<=>(const Listener&) const = default;
};

/// Where a packet to some address far away would go.
struct Way {
  bool is_there = false;
  bool is_local = false;  // to this machine itself
  std::string card;
};

struct WayFacts {
  Way plain;
  Way marked;  // with the capture mark
};

struct SettingFacts {
  std::vector<std::string> marked_sources;  // of net.ipv4.conf: src_valid_mark is on
  bool filters_strictly = false;            // net.ipv4.conf.all.rp_filter is 1
  std::vector<std::string> with_bridges;    // of net.bridge: bridge-nf-call-* that is on
  bool forwards = false;                    // net.ipv4.ip_forward
  bool loopback_has_ipv6 = true;
  std::set<std::string> cards_with_ipv6;  // others
  std::uint64_t connections = 0;          // in the kernel's memory (conntrack), and how many may be; 0: not known
  std::uint64_t most_connections = 0;
};

struct NameFacts {
  std::vector<core::Endpoint> nameservers;
  bool asks_resolved = false;  // programs look names up by systemd-resolved
  std::string over_tls;        // its DNSOverTLS=; empty: not set
};

struct DoctorFacts {
  OwnFacts own;
  std::optional<InstanceFacts> instance;
  FeatureFacts features;
  RoutingFacts routing;
  PerFamily<WayFacts> ways;
  std::optional<Ruleset> rules;  // none: we may not look, or libnftables lists none
  std::set<Listener> listeners;
  SettingFacts settings;
  NameFacts names;
};

}  // namespace tfunnel::client
