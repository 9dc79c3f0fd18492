// The life of one link: greeting, Hello, keep-alive, GoAway, end.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "common/core/greeting.hpp"
#include "common/core/keepalive.hpp"
#include "common/core/mux.hpp"
#include "common/io/channel.hpp"
#include "common/io/exit_status.hpp"
#include "common/io/idle_sweep.hpp"
#include "common/io/link.hpp"
#include "common/io/log.hpp"

namespace tfunnel::io {

/// Owns the mux and the link. Lives until the handlers that were due at its end have run.
class Session final : private core::LinkListener {
 public:
  struct Settings {
    wire::Role role = wire::ROLE_CLIENT;
    DataPathMode data_path = DataPathMode::automatic;
    std::size_t buffer_size = 128U << 20;
    std::size_t max_flows = 65'536;
    core::UdpTimeouts udp_timeouts;
    double link_rate = 0;  // bytes a second that the link carries at most, if something tells
    core::Keepalive::Limits keepalive;
    core::Duration greeting_timeout = std::chrono::seconds(120);
    core::Duration grace = std::chrono::milliseconds(50);
    core::Duration goodbye_timeout = std::chrono::seconds(1);
    core::Duration probe_timeout = std::chrono::seconds(5);
    bool announces = true;  // log lines when the far end has greeted, and about shut_down()
  };

  /// `channel`, `log` and `acceptor` (null on the client) must outlive the session.
  Session(asio::io_context& context, Channel& channel, const Settings& settings, core::FlowAcceptor* acceptor,
          const Log& log);
  ~Session() override;

  /// Called once: when the far end has greeted.
  std::function<void()> on_ready;
  /// Called once, last: all flows have been ended. `why` is for the log, empty if shut_down() was asked for. The
  /// session must not be destroyed from within.
  std::function<void(ExitStatus, const std::string& why)> on_end;

  void start();
  /// Lets what was written drain briefly, says goodbye, and ends with `ok`, all within about a second.
  void shut_down(const std::string& why);
  /// Something happened that may have broken the link (a network change): it ends soon unless the far end answers.
  void probe();
  /// No connection is left that data could still be on its way for.
  [[nodiscard]] bool is_quiet() const;
  /// What the far end calls itself; REQUIRES: on_ready was called.
  [[nodiscard]] const std::string& peer_software() const { return peer_software_; }
  /// The table of flows and counters, for a person.
  [[nodiscard]] std::string table() const;

  [[nodiscard]] core::Mux& mux() { return mux_; }
  /// What the relays of this link's flows need; see DataPath.
  [[nodiscard]] DataPath* data_path() { return path_.moves() ? &path_ : nullptr; }

 private:
  using GoAwayCode = wire::GoAway::Code;

  void on_hello(const wire::Hello& hello) override;
  void on_go_away(const wire::GoAway& go_away) override;
  void on_no_memory(const core::FlowRequest& request) override;
  std::size_t on_bytes(core::ByteView bytes);
  std::size_t search_greeting(core::ByteView bytes);
  std::size_t receive(core::ByteView bytes);
  void on_link_error(error_code error);
  void watch_greeting();
  void watch_keepalive();
  void check_keepalive();
  void leave(ExitStatus status, GoAwayCode code, const std::string& message, const std::string& why);
  void end(ExitStatus status, const std::string& why);

  asio::io_context& context_;
  Settings settings_;
  const Log& log_;
  core::MemoryBudget budget_;
  DataPath path_;  // before the mux, whose flows' local ends refer to it
  core::Mux mux_;
  IdleSweep sweep_;
  std::shared_ptr<Link> link_;
  core::GreetingSearch greeting_;
  core::Patience greeting_patience_;
  core::Keepalive keepalive_;
  asio::steady_timer timer_;
  asio::steady_timer grace_;
  bool shutting_down_ = false;
  std::optional<ExitStatus> leaving_;
  std::string why_leaving_;
  std::string peer_software_;
  bool hello_received_ = false;
  bool ended_ = false;
};

}  // namespace tfunnel::io
