// Settings of the kernel and of the lookup of names.
#include <algorithm>

#include "client/doctor/checks.hpp"
#include "client/doctor/report.hpp"

namespace tfunnel::client {

namespace {

using enum Verdict;

// Beyond that new connections are lost now and then.
constexpr std::uint64_t nearly_all_percent = 90;
// Of systemd-resolved.
const std::string stub_prefix = "127.0.0.5";

std::string sysctl(const std::string& name, int value) { return "sysctl -w " + name + "=" + std::to_string(value); }

/// Is it about this machine's forwarding: what is, or what may be wished for?
bool forwards(const Situation& situation) {
  return situation.table ? situation.table->forwards : situation.facts.settings.forwards;
}

// The way back is looked for with the packet's mark then, which leads to this machine itself.
Findings check_sources(const Situation& situation) {
  Findings found;
  for (const auto& kind : situation.facts.settings.marked_sources) {
    const auto name = "net.ipv4.conf." + kind + ".src_valid_mark";
    if (!forwards(situation)) {
      found.push_back({right, "sysctl", name + " is 1, which matters with --forward only", "", sysctl(name, 0)});
      continue;
    }
    found.push_back({situation.table ? wrong : warning, "sysctl", name + " is 1",
                     "the kernel drops what is forwarded into the tunnel, and --forward is refused", sysctl(name, 0)});
  }
  return found;
}

Findings check_bridges(const Situation& situation) {
  Findings found;
  const bool has_bridges = std::ranges::any_of(situation.facts.routing.cards, &NetworkCard::is_bridge);
  if (!situation.table || !situation.table->forwards || !has_bridges) return found;
  for (const auto& kind : situation.facts.settings.with_bridges) {
    const auto name = "net.bridge." + kind;
    found.push_back({warning, "sysctl", name + " is 1",
                     "what passes a bridge on its way to other networks is captured, too", sysctl(name, 0)});
  }
  return found;
}

// All connections of the machine count, also those that are not captured.
Findings check_memory(const SettingFacts& settings) {
  const auto most = settings.most_connections;
  if (most == 0 || settings.connections * 100 < most * nearly_all_percent) return {};
  return {{wrong, "sysctl",
           "the kernel remembers " + std::to_string(settings.connections) + " connections of " + std::to_string(most) +
               " at most",
           "new ones are lost", "sysctl -w net.netfilter.nf_conntrack_max=" + std::to_string(most * 4)}};
}

bool is_answered_here(const DoctorFacts& facts, const core::Endpoint& server) {
  return std::ranges::any_of(facts.listeners, [&](const auto& one) {
    const bool is_any = one.at.address == core::Address() || one.at.address == *core::Address::parse("0.0.0.0");
    return !one.is_tcp && one.at.port == server.port && (is_any || one.at.address == server.address);
  });
}

/// With --dns far whoever is asked by another address the far end answers.
Finding silent_nameserver(const Situation& situation, const core::Endpoint& server) {
  const bool is_resolved = server.address.text().starts_with(stub_prefix);
  Finding found{wrong, "names", "nobody answers at " + server.text() + ", the nameserver of this machine",
                "programs find no names", ""};
  if (is_resolved) {
    found.mend = "systemctl restart systemd-resolved";
  } else if (situation.table && situation.table->takes_questions()) {
    found.mend = nameserver_line(far_address(true).text());
  }
  return found;
}

// With `opportunistic` it tries TLS, is refused at once, and goes on without.
Findings check_over_tls(const Situation& situation) {
  const auto& names = situation.facts.names;
  const bool matters = names.asks_resolved && situation.table && situation.table->takes_questions();
  if (!matters) return {};
  if (names.over_tls != "yes") {
    return {{right, "names", "systemd-resolved does without DNS over TLS where it is refused", "", ""}};
  }
  return {{wrong, "names", "systemd-resolved insists on DNS over TLS (DNSOverTLS=yes)",
           "it is refused to strangers, so that the far end's resolver answers: programs find no names",
           "mkdir -p /run/systemd/resolved.conf.d && printf '[Resolve]\\nDNSOverTLS=no\\n' > "
           "/run/systemd/resolved.conf.d/zz-tfunnel.conf && systemctl restart systemd-resolved"}};
}

}  // namespace

std::string nameserver_line(const std::string& address) {
  return "echo 'nameserver " + address + "' > /etc/resolv.conf";
}

Findings check_settings(const Situation& situation) {
  auto found = check_sources(situation);
  if (situation.facts.settings.filters_strictly) {
    found.push_back({right, "sysctl", "net.ipv4.conf.all.rp_filter is 1, which is no obstacle to up", "", ""});
  }
  append(found, check_bridges(situation));
  append(found, check_memory(situation.facts.settings));
  if (is_healthy(found, true)) found.push_back({right, "sysctl", "no setting is in the way", "", ""});
  return found;
}

Findings check_ipv6(const Situation& situation, const std::optional<core::Endpoint>& server) {
  const auto& settings = situation.facts.settings;
  const auto& nameservers = situation.facts.names.nameservers;
  if (!settings.loopback_has_ipv6 && !settings.cards_with_ipv6.empty()) {
    return {{situation.state == State::captures ? wrong : warning, "ipv6",
             "the loopback device has no IPv6, and " + *settings.cards_with_ipv6.begin() + " has",
             "captured IPv6 has no way to the tunnel: it is lost", sysctl("net.ipv6.conf.lo.disable_ipv6", 0)}};
  }
  if (settings.loopback_has_ipv6) return {{right, "ipv6", "it is on", "", ""}};
  const bool is_asked = (server && !server->address.is_v4()) ||
                        std::ranges::any_of(nameservers, [](const auto& one) { return !one.address.is_v4(); });
  if (!is_asked)
    return {{right, "ipv6", "it is off", "programs have IPv4 only", sysctl("net.ipv6.conf.all.disable_ipv6", 0)}};
  return {{wrong, "ipv6",
           "it is off, and " + std::string(server ? "--server" : "a nameserver") + " has an IPv6 address",
           "no program can ask there", sysctl("net.ipv6.conf.all.disable_ipv6", 0)}};
}

// Only those on this machine: others are asked by probes.
Findings check_names(const Situation& situation) {
  auto found = check_over_tls(situation);
  bool is_right = true;
  for (const auto& server : situation.facts.names.nameservers) {
    if (!server.address.is_loopback() || is_answered_here(situation.facts, server)) continue;
    found.push_back(silent_nameserver(situation, server));
    is_right = false;
  }
  if (is_right) found.push_back({right, "names", "no nameserver of this machine is silent", "", ""});
  return found;
}

Findings check_all(const Situation& situation, const std::optional<core::Endpoint>& server) {
  Findings all;
  for (const auto check :
       {check_rights, check_kernel, check_instance, check_listeners, check_rules, check_others_rules, check_routing,
        check_marks, check_ways, check_settings, check_names, check_descriptors, check_clock}) {
    append(all, check(situation));
  }
  append(all, check_ipv6(situation, server));
  return all;
}

}  // namespace tfunnel::client
