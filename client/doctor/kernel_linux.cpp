#include "client/doctor/kernel_linux.hpp"

#include <filesystem>

#include "client/rules/nft.hpp"
#include "client/up/traps.hpp"

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

struct Trial {
  const char* name;
  const char* module;
  const char* chain;  // what stands in it
};

constexpr Trial trials[] = {
    {"nft_tproxy for IPv4", "nft_tproxy",
     "type filter hook prerouting priority mangle; meta nfproto ipv4 meta l4proto tcp tproxy ip to :1 accept"},
    {"nft_tproxy for IPv6", "nft_tproxy",
     "type filter hook prerouting priority mangle; meta nfproto ipv6 meta l4proto tcp tproxy ip6 to :1 accept"},
    {"nft_socket", "nft_socket", "type filter hook input priority 0; socket mark 1 accept"},
    {"nft_fib_inet", "nft_fib_inet", "type filter hook prerouting priority 0; fib daddr type local accept"},
    {"nft_ct", "nft_ct", "type filter hook output priority 0; ct state new ct mark set 1"},
    {"nft_reject_inet", "nft_reject_inet", "type filter hook output priority 0; reject with icmpx type no-route"},
    {"nft_chain_nat", "nft_chain_nat",
     "type nat hook output priority -100; meta nfproto ipv4 meta l4proto udp dnat ip to 192.0.2.1"},
    {"chains that route anew", "nf_tables", "type route hook output priority mangle; meta mark set 1"},
};

std::string trial_table(const std::string& content) { return "table inet tfunnel_doctor_trial { " + content + " }"; }

bool is_taken(Nft& nft, const std::string& content) { return !nft.check(trial_table(content)); }

std::string trial_chain(const std::string& content) { return "chain trial { " + content + "; }"; }

/// All that `tfunnel up` may ask for.
SystemTerms all_terms() {
  SystemTerms terms;
  terms.capture_port = 1;
  terms.forward = true;
  terms.dns = {core::Address::parse("192.0.2.1"), core::Address::parse("2001:db8::1")};
  return terms;
}

// nft(8) names them by their path below this folder, and they must be there.
bool matches_control_groups(Nft& nft) {
  const fs::path all = "/sys/fs/cgroup";
  for (const auto* folder : {".", "unified"}) {
    std::error_code error;
    if (!fs::exists(all / folder / "cgroup.controllers", error)) continue;
    for (fs::directory_iterator at(all / folder, error), end; !error && at != end; at.increment(error)) {
      if (!at->is_directory(error)) continue;
      const auto path = fs::relative(at->path(), all, error).string();
      return is_taken(
          nft, trial_chain("type filter hook output priority 0; socket cgroupv2 level 1 \"" + path + "\" accept"));
    }
  }
  return false;
}

}  // namespace

FeatureFacts look_at_features() {
  FeatureFacts found;
  error_code error;
  generation(error);
  found.is_known = error != boost::system::errc::operation_not_permitted;
  if (!found.is_known) return found;
  Nft nft;
  found.has_owned_tables = is_taken(nft, "flags owner;");
  found.has_control_groups = matches_control_groups(nft);
  // The whole first: only if it is refused the parts are tried.
  const auto refusal = try_rules(all_terms());
  if (!refusal) return found;
  for (const auto& [name, module, chain] : trials) {
    if (!is_taken(nft, trial_chain(chain))) found.missing.push_back({name, module});
  }
  if (found.missing.empty()) found.refusal = refusal->substr(0, refusal->find('\n'));
  return found;
}

}  // namespace tfunnel::client
