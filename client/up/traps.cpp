#include "client/up/traps.hpp"

#include <filesystem>

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

std::optional<std::string> try_rules(const SystemTerms& terms) {
  auto trial = terms;
  trial.table = "tfunnel_up_trial";  // the other may belong to somebody
  return Nft().check(system_rules(trial));
}

void refuse_traps(const SystemTerms& terms, const io::Log& log) {
  if (const auto clash = clash_of_marks(look_at_routing(), terms.marks)) refuse(*clash);
  if (terms.forward) refuse_marked_sources();
  if (terms.forward) tell_of_bridges(log);
  if (const auto fault = try_rules(terms)) fail_with(*fault, no_capture_rules);
}

}  // namespace tfunnel::client
