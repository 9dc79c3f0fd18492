// The order in which `tfunnel up` closes and opens the ways past the tunnel. Pure.
#pragma once

#include <vector>

namespace tfunnel::client {

/// The state that the ways are left in.
enum class KillSwitch {
  on,      // only a clean end, or `down`, opens them
  off,     // the loss of the link opens them, and so does our death
  persist  // only `down` opens them
};

enum class UpStep { add_routing, add_rules, add_guard, remove_guard, remove_rules, remove_routing };

class UpSteps {
 public:
  using List = std::vector<UpStep>;

  /// `closed_before`: rules of a killed one stand, and must not be opened by a failure.
  UpSteps(KillSwitch kill_switch, bool closed_before) : kill_switch_(kill_switch), closed_before_(closed_before) {}

  /// Do the rules stand? They are to be restored if somebody changes them.
  [[nodiscard]] bool rules_stand() const { return rules_stand_; }
  /// The same of the routing.
  [[nodiscard]] bool routing_stands() const { return routing_stands_; }

  // Each returns the steps that are due, in order; they count as done.
  List link_is_up();
  List link_is_down();
  List clean_end();
  /// Neither the end nor the link's loss opens anything from now on.
  void stay_closed() { kill_switch_ = KillSwitch::persist; }
  /// A step of link_is_up() failed.
  List failed();

 private:
  List open();

  KillSwitch kill_switch_;
  bool closed_before_;
  bool routing_stands_ = false;
  bool rules_stand_ = false;
};

}  // namespace tfunnel::client
