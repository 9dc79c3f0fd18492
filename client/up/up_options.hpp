// The command lines of `tfunnel up` and `tfunnel down`.
#pragma once

#include <string>
#include <vector>

#include "client/up/selection_options.hpp"
#include "client/up/up_plan.hpp"

namespace tfunnel::client {

struct UpOptions {
  /// A link that is lost is no reason to wait: what would go through it is refused at once.
  LinkOptions link{{}, 1, core::Duration::zero(), false, Refusal::after_the_first_link};
  KillSwitch kill_switch = KillSwitch::on;
  std::vector<std::string> link_hosts;
  std::vector<std::string> excluded;  // as in an access rule
  std::vector<std::string> included;
  SelectionOptions selection;
  bool lan_denied = false;
  bool replace = false;
  bool reset_existing = false;
  bool forward = false;
  bool allow_icmp = false;
  bool dry_run = false;
  bool close_only = false;
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

/// Makes the rules and the routing without a link: what would go through the tunnel is refused. For the start of the
/// machine, so what is not there yet, and traps, are no obstacle. Throws app::UsageError if up runs, or the kernel
/// takes no such rules.
io::ExitStatus close_only(const UpPlan& plan);

/// Captures until a signal ends it, or the first link cannot be started. Throws app::UsageError if another one runs, or
/// this machine is set up in a way that it cannot cope with.
io::ExitStatus run_up(const UpPlan& plan);

/// Ends the one that runs, and removes what it or a killed one has left: that, and nothing else. Throws
/// app::UsageError.
io::ExitStatus run_down(const app::CommonOptions& common);

}  // namespace tfunnel::client
