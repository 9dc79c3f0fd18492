#include "client/up/up_steps.hpp"

#include <utility>

namespace tfunnel::client {

// Without rules no packet carries the mark, so the routing can stand alone; the other way round packets are lost.
UpSteps::List UpSteps::link_is_up() {
  List steps;
  if (!std::exchange(routing_stands_, true)) steps.push_back(UpStep::add_routing);
  if (std::exchange(rules_stand_, true)) return steps;
  steps.push_back(UpStep::add_rules);
  // Rules that go with us belong to us alone already.
  if (kill_switch_ != KillSwitch::off) steps.push_back(UpStep::add_guard);
  return steps;
}

UpSteps::List UpSteps::link_is_down() {
  if (kill_switch_ != KillSwitch::off || !std::exchange(rules_stand_, false)) return {};
  return {UpStep::remove_rules};
}

UpSteps::List UpSteps::clean_end() { return kill_switch_ == KillSwitch::persist ? List() : open(); }

UpSteps::List UpSteps::failed() { return closed_before_ ? List() : open(); }

UpSteps::List UpSteps::open() {
  List steps;
  if (std::exchange(rules_stand_, false)) {
    if (kill_switch_ != KillSwitch::off) steps.push_back(UpStep::remove_guard);
    steps.push_back(UpStep::remove_rules);
  }
  if (std::exchange(routing_stands_, false)) steps.push_back(UpStep::remove_routing);
  return steps;
}

}  // namespace tfunnel::client
