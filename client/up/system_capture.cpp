#include "client/up/system_capture.hpp"

#include "client/capture/routed_networks.hpp"
#include "client/rules/end_connection.hpp"
#include "client/rules/routing_tables.hpp"
#include "client/rules/rule_counters.hpp"
#include "client/up/boot_unit.hpp"
#include "client/up/link_peers.hpp"
#include "client/up/older_connections.hpp"
#include "client/up/traps.hpp"
#include "common/app/options.hpp"

namespace tfunnel::client {

namespace {

using core::Address;
using core::Network;
using Networks = core::Reach::Networks;

// Loopback, link-local, multicast and broadcast.
constexpr std::pair<const char*, unsigned> never_tunnelled[] = {
    {"127.0.0.0", 8}, {"169.254.0.0", 16}, {"224.0.0.0", 4}, {"255.255.255.255", 32},
    {"::1", 128},     {"fe80::", 10},      {"ff00::", 8}};

// A machine with more networks of its own is a router: the widest ones stay direct.
Networks tidy(Networks networks) {
  while (true) {
    if (auto few = core::limited(networks)) return *few;
    networks.pop_back();
  }
}

BothNetworks routed(const core::Reach& reach) { return {routed_networks(reach, true), routed_networks(reach, false)}; }

const char* in_words(KillSwitch kill_switch) {
  switch (kill_switch) {
    case KillSwitch::on: return "on";
    case KillSwitch::off: return "off";
    case KillSwitch::persist: return "persist";
  }
  return "";
}

bool closed_before() { return !look_at_routing().ours.rules.empty(); }

}  // namespace

std::string what_is_captured(const SystemTerms& terms) {
  const bool is_part = !terms.included.empty();
  const bool is_some = !terms.selection.is_all();
  const bool has_exceptions = !terms.excluded.empty() || !terms.direct.v4.empty() || !terms.direct.v6.empty();
  return std::string(is_some || is_part ? "TCP and UDP of " : "all TCP and UDP of ") +
         (is_some ? "what is selected on this machine" : "this machine") + (is_part ? " to what is included" : "") +
         " goes through the tunnel" + (has_exceptions ? ", but for what is excluded" : "");
}

void complete(SystemTerms& terms, const BothNetworks& own, const core::Reach& reach) {
  for (const auto& [text, prefix] : never_tunnelled) {
    const auto address = *Address::parse(text);
    (address.is_v4() ? terms.direct.v4 : terms.direct.v6).push_back(Network::of(address, prefix));
  }
  terms.direct = {tidy(terms.direct.v4), tidy(terms.direct.v6)};
  terms.own_networks = {tidy(own.v4), tidy(own.v6)};
  terms.routed = routed(reach);
}

SystemCapture::SystemCapture(asio::io_context& context, const UpPlan& plan, std::span<const std::atomic<pid_t>> groups,
                             const io::Log& log)
    : plan_(plan),
      groups_(groups),
      log_(log),
      steps_(plan.kill_switch, closed_before()),
      watch_(context, system_table, [this](SystemWatch::Changes changes) { on_change(changes); }),
      control_groups_(context, plan.terms.selection.control_groups, [this] { on_control_groups(); }),
      terms_(plan.terms) {
  terms_.owned = plan.kill_switch == KillSwitch::off;
  watch_.start();
  control_groups_.start();
  let_link_through();
}

void SystemCapture::on_mode(CaptureMode mode) {
  if (ended_) return;
  if (mode == CaptureMode::refuse) tell_of_no_link();
  if (mode != CaptureMode::serve) return open_for_want_of_link();
  was_up_ = true;
  learn_peers();
  carry_out(steps_.link_is_up());
  if (plan_.reset_existing && !std::exchange(has_ended_older_, true)) end_older();
  if (plan_.kill_switch == KillSwitch::persist) close_next_start();
}

void SystemCapture::on_reach(const core::Reach& reach) {
  reach_ = reach;
  terms_.routed = routed(reach);
  change_sets(replace_routed(terms_.routed));
}

void SystemCapture::open_for_want_of_link() {
  const auto steps = steps_.link_is_down();
  carry_out_quietly(steps);
  if (!steps.empty()) log_.warning("all goes out directly until there is a link again (--kill-switch off)");
}

// What a killed one has left counts as well.
RulesFacts SystemCapture::facts() const {
  auto counters = read_rule_counters();
  return {rules_are_there_ || !counters.empty(), in_words(plan_.kill_switch), what_is_captured(plan_.terms),
          std::move(counters)};
}

// Only those of a killed one may stand by now.
void SystemCapture::tell_of_no_link() {
  if (std::exchange(was_up_, true)) return;
  const auto* what = is_there(system_table) ? "what would go through the tunnel is refused" : "all goes out directly";
  log_.warning(std::string("there is no link yet: ") + what + " until there is one");
}

// Rules that go with us are made anew as such that stay.
void SystemCapture::stay_closed() {
  steps_.stay_closed();
  if (!std::exchange(terms_.owned, false) || !rules_are_there_) return;
  try {
    add_rules();
  } catch (const std::exception& error) {
    log_.error(std::string("the way is open until the next one has made its rules: ") + error.what());
  }
}

// An end that nobody has asked for is a failure.
void SystemCapture::clean_end(bool asked_for) {
  if (std::exchange(ended_, true)) return;
  watch_.stop();
  control_groups_.stop();
  const bool is_failure = !asked_for && plan_.kill_switch != KillSwitch::off;
  const auto steps = is_failure ? UpSteps::List() : steps_.clean_end();
  if (steps.empty()) leave_closed();
  carry_out_quietly(steps);
}

// Somebody may have removed something just now, and the guard goes with us: nobody would bring it back.
void SystemCapture::leave_closed() {
  if (!rules_are_there_ || terms_.owned) return;
  try {
    add_rules();
    mend_routing();
  } catch (const std::exception& error) {
    log_.error(std::string("the way may be open until tfunnel up runs again: ") + error.what());
  }
}

// What a killed one has left stands, and may not know this link.
void SystemCapture::let_link_through() {
  if (!closed_before()) return;
  const auto group = terms_.link_group ? add_link_group(*terms_.link_group) : std::string();
  if (const auto fault = nft_.run(add_link(terms_.link) + group)) log_.debug("no rules were left", {{"why", *fault}});
}

// A link that comes back may have come by another of its host's addresses.
void SystemCapture::learn_peers() {
  if (plan_.link.via.empty()) return;
  const auto before = terms_.link.size();
  terms_.link.merge(peers_of(groups_));
  if (terms_.link.empty() && !terms_.link_group && !steps_.rules_stand()) {
    log_.info("no connection of the link's own was found: if it has one, name its host (--link)");
  }
  if (terms_.link.size() != before) change_sets(replace_link(terms_.link));
}

// Nobody has accepted a captured connection yet: the event loop waits for us. What the kernel cannot end is refused
// as soon as it sends something.
void SystemCapture::end_older() {
  const auto found = find_older_connections(older_terms(terms_, sockets_of(groups_)));
  error_code error;
  for (const auto& connection : found) {
    if (!error) error = end_connection(connection);
  }
  if (!found.empty()) log_.info("older connections are ended", {{"count", std::to_string(found.size())}});
  if (!error) return;
  log_.debug("the kernel ends no idle connections", {{"why", error.message()}});
  terms_.refused = found;
  change_sets(replace_refused(found));
}

void SystemCapture::close_next_start() {
  auto terms = plan_.terms;
  terms.link = terms_.link;
  const auto fault = install_boot_unit(terms);
  if (!fault || std::exchange(has_told_of_boot_, true)) return;
  log_.warning("nothing closes the way after a restart of the machine before tfunnel up: " + *fault);
}

void SystemCapture::carry_out(const UpSteps::List& steps) {
  if (steps.empty()) return;
  try {
    for (const auto step : steps) carry_out(step);
  } catch (...) {
    carry_out_quietly(steps_.failed());
    throw;
  }
  if (rules_are_there_) log_.info(what_is_captured(plan_.terms));
}

// What cannot be removed now is removed by `down`.
void SystemCapture::carry_out_quietly(const UpSteps::List& steps) {
  for (const auto step : steps) {
    try {
      carry_out(step);
    } catch (const std::exception& error) {
      log_.error(std::string("not all of the rules could be removed (tfunnel down does): ") + error.what());
    }
  }
}

void SystemCapture::carry_out(UpStep step) {
  switch (step) {
    case UpStep::add_routing: return mend_routing();
    case UpStep::add_rules:
      add_rules();
      rules_are_there_ = true;
      return;
    case UpStep::add_guard: return add_guard();
    case UpStep::remove_guard: static_cast<void>(nft_.run("delete table inet " + std::string(guard_table))); return;
    case UpStep::remove_rules:
      rules_are_there_ = false;
      belongs_to_us_ = false;
      return transact(terms_.owned ? "delete table inet " + std::string(system_table) : remove_table(system_table));
    case UpStep::remove_routing: return remove(look_at_routing().ours);
  }
}

// A table that belongs to us must not be mentioned before it is deleted: the flag of one that stands cannot be changed.
void SystemCapture::add_rules() {
  terms_.selection.control_groups = control_groups_.present();
  const auto rules = system_rules(terms_);
  transact(belongs_to_us_ ? rules.substr(rules.find('\n') + 1) : rules);
  belongs_to_us_ = terms_.owned;
}

// One that is gone before the rules name it is heard of, too.
void SystemCapture::on_control_groups() {
  if (ended_ || !rules_are_there_) return;
  try {
    add_rules();
  } catch (const std::exception& error) {
    log_.about_flow(io::LogLevel::error, std::string("a control group is not captured yet: ") + error.what());
    watch_.look_again(&SystemWatch::Changes::rules);
  }
}

void SystemCapture::add_guard() {
  const auto fault = nft_.run(guard_rules(terms_.marks));
  if (!fault) return;
  log_.warning(
      "should somebody else remove the rules, something may get out until they are back (Linux 5.12 could help)");
  log_.debug("no table that belongs to this process", {{"why", *fault}});
}

void SystemCapture::mend_routing() {
  const auto facts = look_at_routing();
  if (!place_) place_ = choose_place(facts);
  const auto plan = planned_routing(facts, *place_, terms_.marks.captured);
  add(without(plan, facts.ours));
  remove(without(facts.ours, plan));
  auto now = plan_.terms;
  complete(now, facts.own_networks, reach_);
  update_networks(now);
  const auto loss = lost_on_bridges(facts, terms_);
  if (loss && !std::exchange(has_told_of_bridges_, true)) log_.warning(*loss);
}

void SystemCapture::update_networks(const SystemTerms& now) {
  if (terms_.direct == now.direct && terms_.own_networks == now.own_networks) return;
  terms_.direct = now.direct;
  terms_.own_networks = now.own_networks;
  change_sets(replace_networks(now.direct, now.own_networks));
}

// Who removes something once may do so again and again.
void SystemCapture::on_change(SystemWatch::Changes changes) {
  if (ended_) return;
  const auto try_to = [&](bool due, bool SystemWatch::Changes::*what, const auto& mend) {
    if (!due) return;
    try {
      mend();
    } catch (const std::exception& error) {
      log_.about_flow(io::LogLevel::error, std::string("what was removed cannot be restored yet: ") + error.what());
      watch_.look_again(what);
    }
  };
  const bool is_broken = changes.rules && steps_.rules_stand() && !terms_.owned;
  // First, so that there are sets to be changed.
  try_to(is_broken, &SystemWatch::Changes::rules, [this] { restore_rules(); });
  try_to(changes.routing && steps_.routing_stands(), &SystemWatch::Changes::routing, [this] { mend_routing(); });
}

void SystemCapture::restore_rules() {
  add_rules();
  log_.about_flow(io::LogLevel::warning, "somebody else changed the rules: they are restored");
}

// A set cannot be changed if somebody has removed it: then all is made anew.
void SystemCapture::change_sets(const std::string& input) {
  if (!rules_are_there_) return;
  std::optional<std::string> fault;
  watch_.without_own([&] { fault = nft_.run(input); });
  if (fault) add_rules();
}

void SystemCapture::transact(const std::string& input) {
  std::optional<std::string> fault;
  watch_.without_own([&] { fault = nft_.run(input); });
  if (fault) fail_with(*fault, no_capture_rules);
}

}  // namespace tfunnel::client
