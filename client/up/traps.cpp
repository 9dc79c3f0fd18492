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

// What passes a bridge from port to port comes into the rules as well; within an own network it stays outside.
void tell_of_bridges(const io::Log& log) {
  for (const auto* family : {"iptables", "ip6tables"}) {
    const auto name = std::string("bridge-nf-call-") + family;
    if (!is_on("/proc/sys/net/bridge/" + name)) continue;
    log.info("net.bridge." + name + " is 1, so what passes a bridge on its way to other networks is captured, too");
  }
}

}  // namespace

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
    const bool is_open = name.ends_with('*');
    const auto begin = name.substr(0, name.size() - (is_open ? 1 : 0));
    return std::ranges::any_of(
        cards, [&](const NetworkCard& card) { return is_open ? card.name.starts_with(begin) : card.name == begin; });
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
  if (terms.forward) tell_of_bridges(log);
  if (const auto fault = try_rules(terms)) fail_with(*fault, no_capture_rules);
}

}  // namespace tfunnel::client
