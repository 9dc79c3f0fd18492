#include "client/up/traps.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "client/rules/nft.hpp"
#include "client/rules/routing_tables.hpp"
#include "common/app/options.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

bool is_on(const fs::path& setting) { return io::file_contents(setting.string()).starts_with('1'); }

[[noreturn]] void refuse(const std::string& why) { throw app::UsageError(why, io::ExitStatus::os_error); }

// The way back is looked for with the packet's mark then, which leads to this machine itself: the kernel drops it.
void refuse_marked_sources() {
  std::error_code error;
  for (fs::directory_iterator at("/proc/sys/net/ipv4/conf", error), end; !error && at != end; at.increment(error)) {
    if (!is_on(at->path() / "src_valid_mark")) continue;
    const auto name = "net.ipv4.conf." + at->path().filename().string() + ".src_valid_mark";
    refuse(name + " is 1, so the kernel would drop what is forwarded into the tunnel: sysctl -w " + name +
           "=0, or no --forward");
  }
}

}  // namespace

// br_netfilter has our rules see a packet before the kernel takes it in at the bridge, where it forgets for whom we
// meant it, and not again.
std::optional<std::string> lost_on_bridges(const RoutingFacts& facts, const SystemTerms& terms) {
  if (!terms.forward) return std::nullopt;
  const auto& names = terms.selection.interfaces;
  const auto bridge = std::ranges::find_if(facts.cards, [&](const NetworkCard& card) {
    return card.is_bridge && (names.empty() || names_card(names, card.name));
  });
  if (bridge == facts.cards.end()) return std::nullopt;
  for (const auto* family : {"iptables", "ip6tables"}) {
    const auto name = std::string("bridge-nf-call-") + family;
    if (!is_on("/proc/sys/net/bridge/" + name)) continue;
    return "net.bridge." + name + " is 1, so the kernel would lose what is captured from hosts behind bridge " +
           bridge->name + ": sysctl -w net.bridge." + name + "=0, or no --forward, or --interface without it";
  }
  return std::nullopt;
}

std::optional<std::string> clash_of_marks(const RoutingFacts& facts, const SystemMarks& marks) {
  const auto ours = marks.own | marks.captured | marks.passed;
  for (const auto& rule : facts.marked) {
    const auto common = rule.mark & rule.mask & ours;
    if (common == 0) continue;
    return "somebody else's routing rule " + std::to_string(rule.preference) + " is about mark " +
           mark_text(rule.mark) + "/" + mark_text(rule.mask) + ", which has our bit " + mark_text(common) +
           ": give up other bits by --own-mark, --capture-mark and --passed-mark";
  }
  return std::nullopt;
}

std::vector<std::string> missing_interfaces(const std::vector<std::string>& names,
                                            const std::vector<NetworkCard>& cards) {
  const auto is_there = [&](const std::string& name) {
    return std::ranges::any_of(cards, [&](const NetworkCard& card) { return names_card({name}, card.name); });
  };
  std::vector<std::string> missing;
  std::ranges::remove_copy_if(names, std::back_inserter(missing), is_there);
  return missing;
}

std::optional<std::string> try_rules(const SystemTerms& terms) {
  auto trial = terms;
  trial.table = "tfunnel_up_trial";  // the other may belong to somebody
  return Nft().check(system_rules(trial));
}

void refuse_traps(const SystemTerms& terms, const io::Log& log) {
  const auto facts = look_at_routing();
  if (const auto clash = clash_of_marks(facts, terms.marks)) refuse(*clash);
  for (const auto& name : missing_interfaces(terms.selection.interfaces, facts.cards)) {
    log.warning("--interface " + name + ": there is none by now");
  }
  if (terms.forward) refuse_marked_sources();
  if (const auto loss = lost_on_bridges(facts, terms)) refuse(*loss);
  if (const auto fault = try_rules(terms)) fail_with(*fault, no_capture_rules);
}

}  // namespace tfunnel::client
