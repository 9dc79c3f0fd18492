#include <csignal>

#include "client/rules/nft.hpp"
#include "client/rules/routing_tables.hpp"
#include "client/up/boot_unit.hpp"
#include "client/up/instance.hpp"
#include "client/up/link_control_group.hpp"
#include "client/up/up_options.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

constexpr int signals_in_turn[] = {SIGTERM, SIGTERM, SIGKILL};

// The routing of one without a kill switch outlives its rules.
bool has_left_something(const RoutingFacts& facts) {
  return !facts.ours.rules.empty() || !facts.ours.routes.empty() || is_there(system_table);
}

const char* what_is_done(bool did_run, bool had_left) {
  if (had_left) return "what was left is removed: nothing is refused or captured any more";
  return did_run ? "tfunnel up has ended, and has left nothing" : "no tfunnel up runs here, and none has left anything";
}

}  // namespace

// The rules first: without the routing what they capture would be lost instead of refused.
io::ExitStatus run_down(const app::CommonOptions& common) {
  const io::Log log(common.level(), common.log_format, "tfunnel down");
  hold_takeover();  // who wants to take over waits until all is done
  const bool did_run = Instance::holder(Role::down).has_value();
  const auto instance = Instance::take_from_others(signals_in_turn, log, Role::down);
  const BootUnit boot_unit;
  const bool had_left = has_left_something(look_at_routing()) || boot_unit.is_there();
  Nft nft;
  if (const auto fault = nft.run(remove_table(system_table) + remove_table(guard_table))) {
    fail_with(*fault, "the rules cannot be removed");
  }
  remove(look_at_routing().ours);
  if (const auto left = look_at_routing().ours; !left.rules.empty() || !left.routes.empty()) {
    throw app::UsageError("the routing cannot be removed", io::ExitStatus::os_error);
  }
  if (const auto error = boot_unit.remove()) throw boost::system::system_error(error, "the unit for the next start");
  LinkControlGroup::remove_left();
  log.info(what_is_done(did_run, had_left));
  return io::ExitStatus::ok;
}

}  // namespace tfunnel::client
