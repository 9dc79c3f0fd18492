// The end of a program that still has something to deliver.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/app/options.hpp"
#include "common/core/drain.hpp"
#include "common/io/asio.hpp"
#include "common/io/log.hpp"
#include "common/io/session.hpp"

namespace tfunnel::app {

/// Looks again and again at what is left, says so to the one who has to wait, and tells when it is over. The bytes
/// that this process itself has to hand to sockets are looked at as well; see io::Deliveries.
class Ending {
 public:
  struct Terms {
    core::Drain::Limits limits;
    std::string way_out;  // how the waiting can be ended: "Ctrl-C", to be read as "... ends it"
  };
  struct Events {
    /// The rest that is left: on links, and before them.
    std::function<core::Drain::Facts(core::Time now)> prospects;
    /// Once, and not from within start(). `ok`, or `cut` after a line that says what was.
    std::function<void(io::ExitStatus)> on_over;
  };

  /// `log` must outlive it, and it the io_context's last handler.
  Ending(asio::io_context& context, Terms terms, Events events, const io::Log& log);

  /// Called again, it is a request to hurry, unless that comes too soon to be meant so.
  void start();
  [[nodiscard]] bool started() const { return drain_.has_value(); }
  /// Something may have changed.
  void look_soon();
  /// Says what was cut.
  static void say_cut(const io::Log& log, const core::Drain::Facts& left);
  /// Says how a session has ended, and what was cut by that: then what was `ok` is `cut`.
  [[nodiscard]] static io::ExitStatus say_link_end(const io::Log& log, const io::Session& session,
                                                   io::ExitStatus status, const std::string& why);

 private:
  void look();
  void look_later(core::Duration wait);

  asio::io_context& context_;
  Terms terms_;
  Events events_;
  const io::Log& log_;
  asio::steady_timer timer_;
  std::optional<core::Drain> drain_;
  core::Duration period_{};
  bool over_ = false;
};

}  // namespace tfunnel::app
