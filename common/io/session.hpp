// What is multiplexed between two ends: flows, their memory, and the link that carries them now.
#pragma once

#include <boost/json/fwd.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "common/core/mux.hpp"
#include "common/io/attachment.hpp"
#include "common/io/exit_status.hpp"
#include "common/io/farewell.hpp"
#include "common/io/idle_sweep.hpp"

namespace tfunnel::io {

/// Owns the mux, which knows nothing of links, and an Attachment to one, which another may follow. Lives until the
/// handlers that were due at its end have run.
class Session final : private core::LinkListener {
 public:
  struct Settings : Attachment::Settings {
    std::size_t buffer_size = 128U << 20;
    std::size_t max_flows = 65'536;
    core::UdpTimeouts udp_timeouts;
    bool announces = true;  // a log line when the far end has greeted
    // What the far end warns of is seen where our own lines are, so it need not be said again.
    bool far_end_warns_here = false;
    std::optional<core::ResolverHints> resolver;  // how this host completes names: told to the far end
    /// See core::Mux::Settings::on_over.
    std::function<void(const core::Flow&, std::optional<core::Reason>)> on_flow_over = {};
  };

  /// `channel`, `log` and `acceptor` (null on the client) must outlive the session. It is attached to the channel, and
  /// ends with it.
  Session(asio::io_context& context, Channel& channel, const Settings& settings, core::FlowAcceptor* acceptor,
          const Log& log);
  ~Session() override;

  /// Called when the far end has greeted, on each link.
  std::function<void()> on_ready;
  /// Called once, last: the link is over. Flows have been ended. Of those that came whole, sockets may still have
  /// bytes to take (see Deliveries). `why` is for the log, empty if shut_down() was asked for. The session must not be
  /// destroyed from within.
  std::function<void(ExitStatus, const std::string& why)> on_end;
  /// Called when prospects() may have changed for the better.
  std::function<void()> on_progress;
  /// Called once: the far end wants to end, and takes no more flows.
  std::function<void()> on_asked_to_drain;
  /// reach() has changed, after on_ready.
  std::function<void()> on_reach_change;

  void start();
  /// A person is being asked something: nobody is told of a far end that has not greeted.
  void hush() {
    if (attachment_) attachment_->hush();
  }
  /// Lets go of its link, from outside of any callback; flows stay, and wait for attach() and start(). What was on the
  /// way is lost: REQUIRES that nothing was, at both ends, and that the session has not ended.
  void detach();
  /// Takes another link. REQUIRES: there is none.
  void attach(Channel& channel);
  /// The link is to end once all is delivered; prospects() tells how far that is. Without effect before on_ready, and
  /// when it has been called.
  void drain(core::LastCall::Terms terms);
  /// The rest that has to be waited for before shut_down(), if drain() was called.
  [[nodiscard]] core::Drain::Facts prospects();
  [[nodiscard]] bool asked_to_drain() const { return farewell_.asked(); }
  /// Says goodbye, and ends with `ok`, all within about a second.
  void shut_down(const std::string& why);
  /// Data that applications had sent when the link ended, and that did not get over it; nothing after shut_down(),
  /// whose caller knows. REQUIRES: on_end was called.
  [[nodiscard]] const core::Drain::Facts& left_behind() const { return left_behind_; }
  /// Something happened that may have broken the link (a network change): it ends soon unless the far end answers.
  void probe();
  /// The far end's name for itself; REQUIRES: on_ready was called.
  [[nodiscard]] const std::string& peer_software() const { return peer_software_; }
  /// How names are completed there, if it says so; checked. REQUIRES: on_ready was called.
  [[nodiscard]] const std::optional<core::ResolverHints>& peer_resolver() const { return peer_resolver_; }
  /// Where the far end's host has routes to; see core::Reach. REQUIRES: on_ready was called.
  [[nodiscard]] const core::Reach& reach() const { return reach_; }
  /// The table of flows and counters; `link` is the number of its link, 0 if there is only one.
  void print_table(const Log& log, std::size_t link = 0) const;
  /// See flow_table().
  [[nodiscard]] boost::json::object table(std::size_t most_flows) const;

  [[nodiscard]] core::Mux& mux() { return mux_; }

 private:
  void on_hello(const wire::Hello& hello) override;
  void on_go_away(const wire::GoAway& go_away) override;
  void on_no_memory(const core::FlowRequest& request) override;
  void on_drain(std::uint32_t number) override;
  void on_words(const core::FlowRequest& request, std::string words) override;
  void on_remaining(const wire::Remaining& remaining) override { farewell_.on_remaining(remaining); }
  void on_reach(const core::Reach& reach) override;
  [[nodiscard]] bool is_up() const { return !ended_ && attachment_ && attachment_->is_up(); }
  void end(ExitStatus status, const std::string& why);

  asio::io_context& context_;
  Settings settings_;
  const Log& log_;
  core::MemoryBudget budget_;
  core::Mux mux_;
  IdleSweep sweep_;
  Farewell farewell_;
  std::unique_ptr<Attachment> attachment_;
  core::Drain::Facts left_behind_;
  std::string peer_software_;
  std::optional<core::ResolverHints> peer_resolver_;
  core::Reach reach_;
  bool ended_ = false;
};

}  // namespace tfunnel::io
