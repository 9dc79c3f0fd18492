// The command lines of `tfunnel up` and `tfunnel down`.
#pragma once

#include <string>
#include <vector>

#include "client/up/up_plan.hpp"

namespace tfunnel::client {

struct UpOptions {
  /// A link that is lost is no reason to wait: what would go through it is refused at once.
  LinkOptions link{{}, 1, core::Duration::zero(), false, false};
  KillSwitch kill_switch = KillSwitch::on;
  std::vector<std::string> link_hosts;
  std::vector<std::string> excluded;  // as in an access rule
  std::vector<std::string> included;
  bool lan_denied = false;
  bool replace = false;
  bool forward = false;
  bool allow_icmp = false;
  bool dry_run = false;
  std::uint16_t port = 12399;
  SystemMarks marks;
};

/// Those of the links not among them. `options` must outlive the parse.
app::po::options_description up_description(UpOptions& options);

/// Throws app::UsageError for what makes no sense.
void check(const UpOptions& options, const app::CommonOptions& common);

/// What the options say of the rules, but for networks and DNS. Looks up the hosts of --link. Throws
/// app::UsageError: one has no address.
SystemTerms terms_of(const UpOptions& options);

/// The nft(8) text and ip(8) lines that `up` would apply now.
std::string dry_run(const UpPlan& plan);

/// Captures until a signal ends it, or the first link cannot be started. Throws app::UsageError if another one runs, or
/// this machine is set up in a way that it cannot cope with.
io::ExitStatus run_up(const UpPlan& plan);

/// Ends the one that runs, and removes what it or a killed one has left: that, and nothing else. Throws
/// app::UsageError.
io::ExitStatus run_down(const app::CommonOptions& common);

}  // namespace tfunnel::client
