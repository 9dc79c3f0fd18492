#include <csignal>

#include "client/rules/nft.hpp"
#include "client/rules/routing_tables.hpp"
#include "client/up/instance.hpp"
#include "client/up/link_control_group.hpp"
#include "client/up/up_options.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

constexpr int signals_in_turn[] = {SIGTERM, SIGTERM, SIGKILL};

}  // namespace

// The rules first: without the routing what they capture would be lost instead of refused.
io::ExitStatus run_down(const app::CommonOptions& common) {
  const io::Log log(common.level(), common.log_format, "tfunnel down");
  const auto instance = Instance::take_from_others(signals_in_turn, log);
  Nft nft;
  if (const auto fault = nft.run(remove_table(system_table) + remove_table(guard_table))) {
    fail_with(*fault, "the rules cannot be removed");
  }
  remove(look_at_routing().ours);
  if (const auto left = look_at_routing().ours; !left.rules.empty() || !left.routes.empty()) {
    throw app::UsageError("the routing cannot be removed", io::ExitStatus::os_error);
  }
  LinkControlGroup::remove_left();
  return io::ExitStatus::ok;
}

}  // namespace tfunnel::client
