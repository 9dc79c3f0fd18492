// A session's hold on one link: greeting, bytes both ways, signs of life, goodbye.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/core/greeting.hpp"
#include "common/core/keepalive.hpp"
#include "common/core/mux.hpp"
#include "common/io/channel.hpp"
#include "common/io/data_path.hpp"
#include "common/io/exit_status.hpp"
#include "common/io/link.hpp"
#include "common/io/log.hpp"

namespace tfunnel::io {

/// What the one at the other end is called in messages to a person here, whose own role is `role`.
const char* far_name(wire::Role role);

/// It ends with its link, or before; the mux and its flows may outlive it.
class Attachment final {
 public:
  struct Settings {
    wire::Role role = wire::ROLE_CLIENT;
    DataPathMode data_path = DataPathMode::automatic;
    double link_rate = 0;  // bytes a second that the link carries at most, if something tells
    // What is said too early may be lost, spoilt or echoed (the far end's terminal is not raw yet): greet until heard.
    bool repeats_greeting = false;
    core::Keepalive::Limits keepalive;
    core::Duration greeting_timeout = std::chrono::seconds(120);
    // A far end that has not greeted by then is told of, once; zero: it is not.
    core::Duration silence_notice = std::chrono::seconds(10);
    core::Duration goodbye_timeout = std::chrono::seconds(1);
    core::Duration probe_timeout = std::chrono::seconds(5);
  };
  struct Events {
    /// Called once: the link is over. `why` is for the log, empty if shut_down() was asked for.
    std::function<void(ExitStatus, const std::string& why)> on_end;
    /// Would nothing be lost if the link ended now without a word?
    std::function<bool()> is_done;
  };

  /// Begins to listen and greets when start() is called. `mux` and `log` must outlive it, and `channel` until stop().
  /// Throws boost::system::system_error if `settings` want what the channel cannot.
  Attachment(asio::io_context& context, Channel& channel, core::Mux& mux, const Settings& settings, Events events,
             const Log& log);
  ~Attachment();
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  void start();
  /// A person is being asked something, and shall not be told of silence meanwhile, nor later.
  void hush() { silence_timer_.cancel(); }
  /// The mux has heard the far end's Hello.
  void on_hello();
  /// Hello was heard, and neither side has begun to leave.
  [[nodiscard]] bool is_up() const { return hello_received_ && !ended_ && !leaving_; }
  /// We have said goodbye, or are saying it.
  [[nodiscard]] bool leaves() const { return leaving_.has_value(); }
  /// Hello was heard, whatever came then.
  [[nodiscard]] bool was_up() const { return hello_received_; }
  /// Says goodbye, and ends with `ok`, all within about a second.
  void shut_down(const std::string& why);
  /// Something happened that may have broken the link (a network change): it ends soon unless the far end answers.
  void probe();
  /// Nothing more is read or written. No effect the second time; on_end is not called any more.
  void stop();
  void wake() { link_->wake(); }

 private:
  using GoAwayCode = wire::GoAway::Code;

  std::size_t on_bytes(core::ByteView bytes);
  std::size_t search_greeting(core::ByteView bytes);
  bool check_greeting();
  void on_greeting();
  std::size_t receive(core::ByteView bytes);
  void on_link_error(error_code error);
  void watch_greeting();
  void watch_silence();
  [[nodiscard]] std::string silence_words() const;
  void repeat_greeting();
  void watch_keepalive();
  void check_keepalive();
  void leave(ExitStatus status, GoAwayCode code, const std::string& message, const std::string& why);
  void end(ExitStatus status, const std::string& why);

  core::Mux& mux_;
  Settings settings_;
  Events events_;
  const Log& log_;
  DataPath path_;
  std::shared_ptr<Link> link_;
  core::GreetingSearch greeting_;
  core::Patience greeting_patience_;
  core::Keepalive keepalive_;
  asio::steady_timer timer_;
  asio::steady_timer repeat_timer_;
  asio::steady_timer silence_timer_;
  std::optional<ExitStatus> leaving_;
  std::string why_leaving_;
  bool greeted_ = false;  // by the far end
  bool echoed_ = false;   // our own greeting came back
  bool hello_received_ = false;
  bool ended_ = false;
};

}  // namespace tfunnel::io
