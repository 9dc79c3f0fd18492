// The task of `tfunnel up`.
#pragma once

#include <string>
#include <vector>

#include "client/links/link_options.hpp"
#include "client/rules/system_rules.hpp"
#include "client/up/up_steps.hpp"

namespace tfunnel::client {

struct UpPlan {
  app::CommonOptions common;
  LinkOptions link;
  /// The command line of the far end on this machine, if there is no --via.
  std::vector<std::string> local_far_end;
  KillSwitch kill_switch = KillSwitch::on;
  bool reset_existing = false;  // connections that are older than the rules
  bool replace = false;         // the one that runs
  /// What the command line says; the networks that stay direct whatever happens.
  SystemTerms terms;
};

}  // namespace tfunnel::client
