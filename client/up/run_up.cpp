#include <unistd.h>

#include <csignal>

#include "client/links/link_guard.hpp"
#include "client/links/make_links.hpp"
#include "client/program/client_program.hpp"
#include "client/rules/nft.hpp"
#include "client/rules/routing_tables.hpp"
#include "client/up/control_groups.hpp"
#include "client/up/instance.hpp"
#include "client/up/link_control_group.hpp"
#include "client/up/open_door.hpp"
#include "client/up/system_capture.hpp"
#include "client/up/traps.hpp"
#include "client/up/up_options.hpp"
#include "common/io/local_address_linux.hpp"

namespace tfunnel::client {

namespace {

Command command_of(const UpPlan& plan) {
  if (!plan.link.via.empty()) return Command::shell(plan.link.via);
  return {"/proc/self/exe", plan.local_far_end, false, {}};
}

constexpr int takeover_signals[] = {takeover_signal, takeover_signal, SIGKILL};

Instance take_instance(const UpPlan& plan, const io::Log& log) {
  if (plan.replace) return Instance::take_from_others(takeover_signals, log);
  auto instance = Instance::take();
  if (instance) return std::move(*instance);
  const auto holder = Instance::holder().value_or(0);
  throw app::UsageError("up runs already" + (holder > 0 ? ", as process " + std::to_string(holder) : std::string()) +
                            ": tfunnel down ends it, and --replace takes over",
                        io::ExitStatus::os_error);
}

// Kernels before 5.13 have no such match: then the link is known by whom it is connected to.
std::optional<LinkControlGroup> enter_group(UpPlan& plan) {
  auto group = LinkControlGroup::enter();
  if (!group) return group;
  plan.terms.link_group = group->name();
  if (!try_rules(plan.terms)) return group;
  plan.terms.link_group.reset();
  return std::nullopt;
}

// Also those of a killed one, or of one that we have ended. Another one that takes over needs them, or removes them.
void tell_if_closed(const Instance& instance, const io::Log& log) {
  if (instance.is_wanted() || !is_there(system_table)) return;
  log.warning("the rules stay: what would go through the tunnel is refused until tfunnel down, or up again");
}

io::ExitStatus serve(UpPlan plan, const Instance& instance) {
  if (plan.kill_switch == KillSwitch::off) plan.link.refusal = Refusal::never;
  const auto group = enter_group(plan);  // left when all that it starts is gone
  const LinkGuard guard;
  ClientHooks hooks;
  hooks.name = "tfunnel up";
  hooks.command = "up";
  hooks.sockets = [&] {
    let_go_takeover();  // it is listened to, and no command has started that would inherit it
    return open_capture_sockets({plan.terms.capture_port}, plan.terms.marks.own);
  };
  hooks.is_local = io::is_local_address;
  hooks.rules = [&](asio::io_context& context, const io::Log& log) {
    return std::make_unique<OpenDoor>(context, instance,
                                      std::make_unique<SystemCapture>(context, plan, guard.groups(), log));
  };
  const Supervision supervision{command_of(plan), ::getpgrp(), guard.groups()};
  return run_client(plan.common, supervised_links(plan.common, plan.link, supervision), hooks);
}

}  // namespace

std::string dry_run(const UpPlan& plan) {
  const auto facts = look_at_routing();
  auto terms = plan.terms;
  complete(terms, facts.own_networks, {});
  terms.owned = plan.kill_switch == KillSwitch::off;
  const auto routing = planned_routing(facts, choose_place(facts), terms.marks.captured);
  return ip_lines(routing, facts.cards) + system_rules(terms) + (terms.owned ? "" : guard_rules(terms.marks));
}

// The rules last: nothing is open in between, and what they capture is refused by way of the routing.
io::ExitStatus close_only(const UpPlan& plan) {
  const io::Log log(plan.common.level(), plan.common.log_format, "tfunnel up");
  hold_takeover();
  const auto instance = take_instance(plan, log);
  const auto facts = look_at_routing();
  auto terms = plan.terms;
  complete(terms, facts.own_networks, {});
  terms.selection.control_groups = present(terms.selection.control_groups);
  const auto routing = planned_routing(facts, choose_place(facts), terms.marks.captured);
  add(without(routing, facts.ours));
  if (const auto fault = Nft().run(system_rules(terms))) fail_with(*fault, no_capture_rules);
  tell_if_closed(instance, log);
  return io::ExitStatus::ok;
}

io::ExitStatus run_up(const UpPlan& plan) {
  const io::Log own_log(plan.common.level(), plan.common.log_format, "tfunnel up");
  refuse_traps(plan.terms, own_log);
  hold_takeover();
  const auto instance = take_instance(plan, own_log);
  try {
    const auto status = serve(plan, instance);
    tell_if_closed(instance, own_log);
    return status;
  } catch (...) {
    tell_if_closed(instance, own_log);
    throw;
  }
}

}  // namespace tfunnel::client
