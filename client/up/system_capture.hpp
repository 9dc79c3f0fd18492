// The rules and the routing of `tfunnel up`, kept as they should be.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <set>
#include <span>
#include <string>

#include "client/program/capture_rules.hpp"
#include "client/rules/nft.hpp"
#include "client/rules/system_routing.hpp"
#include "client/up/control_groups_watch.hpp"
#include "client/up/system_watch.hpp"
#include "client/up/up_plan.hpp"

namespace tfunnel::client {

/// What `terms`, not completed yet, mean; for a person.
std::string what_is_captured(const SystemTerms& terms);

/// Fills in what is looked up when the rules are made: networks that never go through the tunnel, this machine's own,
/// and those to which the far end has routes.
void complete(SystemTerms& terms, const BothNetworks& own, const core::Reach& reach);

/// Does what UpSteps decides, and restores what somebody else removes.
class SystemCapture final : public CaptureRules {
 public:
  /// `groups` are the process groups of the links' commands. It and `log` must outlive this. Throws
  /// boost::system::system_error.
  SystemCapture(asio::io_context& context, const UpPlan& plan, std::span<const std::atomic<pid_t>> groups,
                const io::Log& log);

  void on_mode(CaptureMode mode) override;
  void on_reach(const core::Reach& reach) override;
  [[nodiscard]] RulesFacts facts() const override;
  void stay_closed() override;
  void clean_end(bool asked_for) override;

 private:
  void carry_out(const UpSteps::List& steps);
  void carry_out(UpStep step);
  void carry_out_quietly(const UpSteps::List& steps);
  void learn_peers();
  void end_older();
  void close_next_start();
  void tell_of_no_link();
  void open_for_want_of_link();
  void leave_closed();
  void add_rules();
  void add_guard();
  void mend_routing();
  void on_change(SystemWatch::Changes changes);
  void restore_rules();
  void on_control_groups();
  void change_sets(const std::string& input);
  void let_link_through();
  void update_networks(const SystemTerms& now);
  void transact(const std::string& input);

  UpPlan plan_;
  std::span<const std::atomic<pid_t>> groups_;
  const io::Log& log_;
  Nft nft_;  // owns tables
  UpSteps steps_;
  SystemWatch watch_;
  ControlGroupsWatch control_groups_;
  SystemTerms terms_;
  core::Reach reach_;
  std::optional<RoutingPlace> place_;
  bool rules_are_there_ = false;
  bool belongs_to_us_ = false;  // the table that stands
  bool ended_ = false;
  bool has_ended_older_ = false;
  bool has_told_of_boot_ = false;
  bool has_told_of_bridges_ = false;
  bool was_up_ = false;  // or it was told that no link is
};

}  // namespace tfunnel::client
