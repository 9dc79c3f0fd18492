// The packet filter of `tfunnel up`, as text. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/core/reach.hpp"

namespace tfunnel::client {

/// Single bits of the marks of packets and of connections, each a bit of its own. Others may use the other bits.
struct SystemMarks {
  std::uint32_t own = 0x8;        // what the client sends
  std::uint32_t captured = 0x80;  // what goes to the client, and nowhere else
  // Of connections: the rules have looked at it and let it go. Of packets: a far end on this machine sends it.
  std::uint32_t passed = 0x40;
};

/// Networks of both families.
struct BothNetworks {
  core::Reach::Networks v4;
  core::Reach::Networks v6;

  bool operator==(const BothNetworks&) const = default;
};

/// Whom the link talks to: one port of an address; 0: all of them, over TCP and UDP.
struct LinkPeer {
  bool is_tcp = true;
  core::Endpoint to;

  auto operator<=>(const LinkPeer&) const = default;
};

/// One of version 2, as nftables names it.
struct ControlGroup {
  std::string path;
  unsigned level = 0;
};

/// Of users or groups, by number.
struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

/// Of TCP.
struct Connection {
  core::Endpoint from;
  core::Endpoint to;
};

/// Whose traffic is captured, if not all.
struct Selection {
  /// What would leave by one of them, and of what is forwarded what came by one. None: all. A `*` at the end stands
  /// for any rest.
  std::vector<std::string> interfaces;
  /// Of this machine's own programs, those that one of the following names.
  bool has_senders = false;  // also if none of them is there by now
  std::vector<IdRange> users;
  std::vector<IdRange> groups;
  std::vector<ControlGroup> control_groups;

  [[nodiscard]] bool is_all() const { return interfaces.empty() && !has_senders; }
};

/// Is the card among them? A `*` at the end of a name stands for any rest.
bool names_card(const std::vector<std::string>& names, const std::string& card);

/// Ports of a network; 0: all.
struct PortedNetwork {
  core::Network network;
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};

/// Who answers questions to port 53, whomever they were sent to. Neither: that one. One alone: those over the other
/// family are refused.
struct SystemDns {
  std::optional<core::Address> v4;
  std::optional<core::Address> v6;

  [[nodiscard]] bool redirects() const { return v4 || v6; }
};

/// Our tables, of the family inet.
inline constexpr const char* system_table = "tfunnel_up";
inline constexpr const char* guard_table = "tfunnel_up_guard";

struct SystemTerms {
  const char* table = system_table;
  SystemMarks marks;
  std::uint16_t capture_port = 0;
  std::optional<ControlGroup> link_group;  // whose processes are the link
  std::set<LinkPeer> link;                 // stays outside before all else is looked at
  BothNetworks direct;                     // stay outside the tunnel; none within another
  BothNetworks own_networks;               // this machine's; the same
  BothNetworks routed;                     // where the far end has routes to; the same
  Selection selection;                     // all else stays outside, with its questions
  std::vector<PortedNetwork> excluded;     // stay outside
  std::vector<PortedNetwork> included;     // only these go in; none: all does
  std::vector<Connection> refused;         // older than the rules, and to be ended: reset as soon as something is sent
  SystemDns dns;
  bool lan_denied = false;  // own networks, broadcast and multicast: refused, instead of outside the tunnel
  bool forward = false;     // also what this machine forwards for others
  bool allow_icmp = false;  // what is neither TCP nor UDP goes out as ever; else it is refused
  /// The table goes with the one who makes it. Else it stays, whoever dies, and the guard is there besides.
  bool owned = false;
};

/// For rules and for a person.
std::string mark_text(std::uint32_t mark);

/// nft(8) input: replaces the table that captures. All TCP and UDP that this machine sends goes to the capture port but
/// the client's own, what is for this machine or for `direct`, answers to those who ask from outside, TCP connections
/// that are older, and DHCP. What carries the mark leaves by no other device than the loopback one, and is refused at
/// once where nobody listens.
std::string system_rules(const SystemTerms& terms);

/// nft(8) input: makes the table that stands in for the other one should somebody remove that. It belongs to the one
/// who makes it, so nobody else can remove it: whatever the other has not let go stays here.
std::string guard_rules(const SystemMarks& marks);

/// nft(8) input: the sets of the table, changed in place.
std::string replace_networks(const BothNetworks& direct, const BothNetworks& own);
std::string replace_link(const std::set<LinkPeer>& link);
std::string replace_refused(const std::vector<Connection>& refused);
/// replace_link() with what is there already left in.
std::string add_link(const std::set<LinkPeer>& link);
/// The rule about the link's processes, in addition.
std::string add_link_group(const ControlGroup& group);
std::string replace_routed(const BothNetworks& routed);

/// nft(8) input: removes a table that no living process owns, whether there is one or not.
std::string remove_table(const char* table);

}  // namespace tfunnel::client
