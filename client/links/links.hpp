// The links of a client, whoever starts them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/capture/link_choice.hpp"
#include "client/status/facts.hpp"
#include "common/core/drain.hpp"
#include "common/core/last_call.hpp"
#include "common/core/reach.hpp"
#include "common/io/exit_status.hpp"
#include "common/io/session.hpp"

namespace tfunnel::client {

class Links {
 public:
  struct Events {
    /// The mode for new connections. Possibly the same once more, when another link came up or failed.
    std::function<void(CaptureMode)> on_mode;
    /// Once, last: there is no link, and none will come: none could be started at first, or it was stop()ped, or the
    /// only one has ended. Once the event loop has run dry, nothing in it refers to the links any more.
    std::function<void(io::ExitStatus)> on_end;
    /// prospects() may have changed for the better.
    std::function<void()> on_progress = [] {};
    /// A link was lost that was to end anyway, and with it this much.
    std::function<void(const core::Drain::Facts&)> on_cut = [](const auto&) {};
    /// The destinations within reach over one link or the other, whenever one has come up (before on_mode) or told
    /// something new.
    std::function<void(const core::Reach&)> on_reach = [](const auto&) {};
    /// See core::Mux::Settings::on_over. Empty: nobody wants to know.
    std::function<void(const core::Flow&, std::optional<core::Reason>)> on_flow_over = {};
  };

  Links() = default;
  virtual ~Links() = default;
  Links(const Links&) = delete;
  Links& operator=(const Links&) = delete;

  virtual void start() = 0;
  /// See ChooseLink.
  [[nodiscard]] virtual std::shared_ptr<io::Session> choose() = 0;
  /// The links are to end; see io::Session.
  virtual void drain(core::LastCall::Terms terms) = 0;
  [[nodiscard]] virtual core::Drain::Facts prospects() = 0;
  /// Says goodbye. `why` is for the far ends' logs.
  virtual void stop(const std::string& why) = 0;
  /// The flows and counters of each link, for who asked for them.
  virtual void print_table(const io::Log& log) const = 0;
  /// Each link, with so many flows at most of all together.
  [[nodiscard]] virtual std::vector<LinkFacts> facts(std::size_t most_flows) const = 0;
  /// Calls Events::on_reach, if a link is up.
  virtual void tell_reach() = 0;
  /// The network changed, or the machine slept.
  virtual void nudge() {}
  /// SIGCHLD came.
  virtual void check_children() {}
  /// Somebody is asked something on the terminal.
  [[nodiscard]] virtual bool asks() const { return false; }
  /// The terminal is needed: nobody may be asked any more.
  virtual void silence() {}
};

/// `log` must outlive what it makes.
using MakeLinks =
    std::function<std::unique_ptr<Links>(asio::io_context& context, Links::Events events, const io::Log& log)>;

}  // namespace tfunnel::client
