#include "client/doctor/look_linux.hpp"

#include <linux/capability.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <sstream>

#include "client/doctor/kernel_linux.hpp"
#include "client/doctor/listeners.hpp"
#include "client/doctor/own_table.hpp"
#include "client/doctor/situation.hpp"
#include "client/doctor/ways_linux.hpp"
#include "client/process/process_stat.hpp"
#include "client/rules/nft_listing.hpp"
#include "client/rules/routing_tables.hpp"
#include "client/up/instance.hpp"
#include "common/core/name_service_switch.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

bool is_on(const fs::path& setting) { return io::first_line(setting) == "1"; }

std::uint64_t number_in(const fs::path& path) {
  std::uint64_t number = 0;
  std::istringstream(io::first_line(path)) >> number;
  return number;
}

/// The names in a folder.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

/// What stands behind "LABEL:" in a file of /proc.
std::string labelled(const std::string& text, const std::string& label) {
  const auto at = text.find("\n" + label);
  if (at == std::string::npos) return "";
  const auto begin = text.find_first_not_of(" \t", at + 1 + label.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

// Packages and installers keep the time of the build, or have a later one.
std::chrono::sys_seconds made_at(const fs::path& file) {
  std::error_code error;
  const auto time = fs::last_write_time(file, error);
  if (error) return {};
  return std::chrono::floor<std::chrono::seconds>(fs::file_time_type::clock::to_sys(time));
}

// Effective capabilities count: those of the file are among them by now, or were refused.
OwnFacts look_at_self() {
  OwnFacts own;
  const fs::path file = "/proc/self/exe";
  std::error_code error;
  own.program = fs::read_symlink(file, error).string();
  own.is_root = ::geteuid() == 0;
  const auto status = io::file_contents("/proc/self/status");
  std::uint64_t rights = 0;
  std::istringstream(labelled(status, "CapEff:")) >> std::hex >> rights;
  own.may_change_rules = (rights >> CAP_NET_ADMIN & 1) != 0;
  own.may_send_raw = (rights >> CAP_NET_RAW & 1) != 0;
  own.gains_no_rights = labelled(status, "NoNewPrivs:") == "1";
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) own.descriptors = limit.rlim_max;
  own.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  own.made_at = made_at(file);
  return own;
}

bool is_stopped(const ProcessStat& stat) { return stat.state == 'T' || stat.state == 't'; }

/// All that this process started, and they in turn. One with the same command line is a copy of it: its guard.
std::vector<ProcessFacts> descendants(pid_t of) {
  std::multimap<pid_t, ProcessFacts> children;
  const auto command = [](const fs::path& process) { return io::file_contents((process / "cmdline").string()); };
  const auto same = command(fs::path("/proc") / std::to_string(of));
  for_each_process([&](pid_t pid, const fs::path& process) {
    const auto stat = process_stat(process);
    const bool is_other = stat && stat->state != 'Z' && (stat->parent != of || command(process) != same);
    if (is_other) children.insert({stat->parent, {pid, is_stopped(*stat)}});
  });
  std::vector<ProcessFacts> found;
  std::vector<pid_t> parents{of};
  while (!parents.empty()) {
    const auto [begin, end] = children.equal_range(parents.back());
    parents.pop_back();
    for (auto at = begin; at != end; ++at) {
      found.push_back(at->second);
      parents.push_back(at->second.pid);
    }
  }
  return found;
}

/// "Max open files  1024  4096  files": the second number, or `unlimited`.
std::optional<std::uint64_t> most_descriptors(const fs::path& process) {
  std::istringstream words(labelled(io::file_contents((process / "limits").string()), "Max open files"));
  std::string soft;
  std::string hard;
  if (!(words >> soft >> hard)) return std::nullopt;
  if (hard == "unlimited") return std::numeric_limits<std::uint64_t>::max();
  std::uint64_t number = 0;
  return std::istringstream(hard) >> number ? std::optional(number) : std::nullopt;
}

// Of another user's process the limits and the command line can be read, what it has open cannot.
std::optional<InstanceFacts> look_at_instance() {
  const auto pid = Instance::holder();
  if (!pid) return std::nullopt;
  InstanceFacts found;
  if (*pid <= 0) return found;
  const auto process = fs::path("/proc") / std::to_string(*pid);
  const auto stat = process_stat(process);
  found.process = {*pid, stat && is_stopped(*stat)};
  found.children = descendants(*pid);
  found.descriptors = most_descriptors(process);
  return found;
}

std::set<Listener> look_at_listeners() {
  std::set<Listener> found;
  for (const auto* table : {"tcp", "tcp6", "udp", "udp6"}) {
    found.merge(listeners_in(io::file_contents((fs::path("/proc/self/net") / table).string()), table[0] == 't'));
  }
  return found;
}

// Files that are not there (no IPv6, no bridges, no conntrack) are settings that are off.
SettingFacts look_at_settings() {
  const fs::path all = "/proc/sys/net";
  SettingFacts found;
  for (const auto& name : names_in(all / "ipv4/conf")) {
    if (is_on(all / "ipv4/conf" / name / "src_valid_mark")) found.marked_sources.push_back(name);
  }
  for (const auto* name : {"bridge-nf-call-iptables", "bridge-nf-call-ip6tables"}) {
    if (is_on(all / "bridge" / name)) found.with_bridges.emplace_back(name);
  }
  found.filters_strictly = is_on(all / "ipv4/conf/all/rp_filter");
  found.forwards = is_on(all / "ipv4/ip_forward");
  for (const auto& name : names_in(all / "ipv6/conf")) {
    const bool is_card = name != "all" && name != "default" && name != "lo";
    if (is_card && io::first_line(all / "ipv6/conf" / name / "disable_ipv6") == "0") found.cards_with_ipv6.insert(name);
  }
  found.connections = number_in(all / "netfilter/nf_conntrack_count");
  found.most_connections = number_in(all / "netfilter/nf_conntrack_max");
  return found;
}

// Files of one name hide each other; the last of all names counts.
std::string over_tls_setting() {
  std::map<std::string, std::string> files;
  for (const auto* folder : {"/usr/lib/systemd", "/run/systemd", "/etc/systemd"}) {
    const auto drop_ins = fs::path(folder) / "resolved.conf.d";
    for (const auto& name : names_in(drop_ins)) {
      if (name.ends_with(".conf")) files[name] = io::file_contents((drop_ins / name).string());
    }
  }
  auto value = ini_value(io::file_contents("/etc/systemd/resolved.conf"), "Resolve", "DNSOverTLS");
  for (const auto& [name, text] : files) {
    const auto said = ini_value(text, "Resolve", "DNSOverTLS");
    if (!said.empty()) value = said;
  }
  return value == "true" || value == "1" || value == "on" ? "yes" : value;
}

NameFacts look_at_names(const std::vector<core::Endpoint>& nameservers) {
  NameFacts found{nameservers, false, over_tls_setting()};
  const auto services = core::host_services(io::file_contents("/etc/nsswitch.conf"));
  std::error_code error;
  const bool runs = fs::exists("/run/systemd/resolve", error);
  found.asks_resolved =
      (runs && std::ranges::find(services, "resolve") != services.end()) ||
      std::ranges::any_of(nameservers, [](const auto& one) {
        return one.address == *core::Address::parse("127.0.0.53") || one.address == *core::Address::parse("127.0.0.54");
      });
  return found;
}

void look_at_rules(DoctorFacts& facts) {
  facts.rules.reset();
  if (const auto text = rules_json()) facts.rules = parse_ruleset(*text);
  facts.routing = look_at_routing();
  facts.settings.loopback_has_ipv6 = facts.routing.has_ipv6;
}

void look_at_ways(DoctorFacts& facts) {
  const auto mark = situation_of(facts).marks.captured;
  for (const bool is_v4 : {true, false}) {
    const auto to = far_address(is_v4);
    facts.ways.of(is_v4) = {way_to(to, 0), way_to(to, mark)};
  }
}

}  // namespace

DoctorFacts look_at_machine(const std::vector<core::Endpoint>& nameservers) {
  DoctorFacts facts;
  facts.own = look_at_self();
  facts.instance = look_at_instance();
  facts.features = look_at_features();
  facts.listeners = look_at_listeners();
  facts.settings = look_at_settings();
  facts.names = look_at_names(nameservers);
  look_again(facts);
  return facts;
}

void look_again(DoctorFacts& facts) {
  look_at_rules(facts);
  look_at_ways(facts);
}

}  // namespace tfunnel::client
