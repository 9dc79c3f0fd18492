#include "client/doctor/situation.hpp"

namespace tfunnel::client {

namespace {

// Rules without routing are the worse case, and go first.
State state_of(bool runs, bool has_rules, bool has_routing) {
  if (has_rules) return runs ? State::captures : State::left_closed;
  if (has_routing) return runs ? State::open : State::left_routing;
  return runs ? State::no_link_yet : State::nothing;
}

}  // namespace

core::Address far_address(bool is_v4) { return *core::Address::parse(is_v4 ? "198.18.0.53" : "2001:2::53"); }

Situation situation_of(const DoctorFacts& facts) {
  Situation made{facts, std::nullopt, {}, State::nothing};
  const auto& ours = facts.routing.ours;
  const bool has_routing = !ours.rules.empty() || !ours.routes.empty();
  if (facts.rules) made.table = read_own_table(*facts.rules);
  if (made.table) made.marks = made.table->marks;
  // The routing knows the mark as well.
  const bool tells_all = made.table && made.table->faults.empty();
  if (!tells_all && !ours.rules.empty()) made.marks.captured = ours.rules.front().mark;
  made.state = state_of(made.runs(), facts.rules ? made.table.has_value() : has_routing, has_routing);
  return made;
}

Routing missing_routing(const Situation& situation) {
  if (situation.state != State::captures && situation.state != State::left_closed) return {};
  const auto& routing = situation.facts.routing;
  return without(planned_routing(routing, choose_place(routing), situation.marks.captured), routing.ours);
}

bool is_being_restored(const Situation& situation) {
  if (!situation.runs() || situation.is_stopped()) return false;
  const auto missing = missing_routing(situation);
  const bool has_faults = situation.table && !situation.table->faults.empty();
  return situation.state == State::open || has_faults || !missing.rules.empty() || !missing.routes.empty();
}

}  // namespace tfunnel::client
