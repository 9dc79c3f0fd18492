// A session's part in an orderly end: what is still to be delivered at both ends of its link.
#pragma once

#include <functional>
#include <optional>

#include "common/core/drain.hpp"
#include "common/core/mux.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::io {

/// Asks the far end what is left, if our side wants to end, and answers if the far end asks. Both may happen.
class Farewell {
 public:
  /// All must outlive it.
  Farewell(asio::io_context& context, core::Mux& mux, wire::Role role);

  /// Our side wants to end. REQUIRES: Hello was received.
  void begin(core::LastCall::Terms terms);
  [[nodiscard]] bool begun() const { return begun_; }
  /// The rest on this link: bytes that have to go over it, and those that the far end has not handed on yet. Bytes that
  /// our own sockets still have to take are not in it, since they need no link. REQUIRES: begun().
  core::Drain::Facts look(core::Time now);
  /// The same when the link has ended, whether or not anybody wanted that. Of connections that nobody had asked to end
  /// only unsent bytes count; and what the far end could not pass on is its business.
  core::Drain::Facts left_behind(core::Time now);
  /// Called when a look is worth it.
  void on_news(std::function<void()> handler) { on_news_ = std::move(handler); }

  // The far end's words.
  void on_drain(std::uint32_t number);
  void on_remaining(const wire::Remaining& remaining);
  /// The far end wants to end.
  [[nodiscard]] bool asked() const { return asked_.has_value(); }

  /// The link is over.
  void end() {
    ended_ = true;
    timer_.cancel();
  }

 private:
  core::Undelivered unsent(core::Time now, core::LastCall::Terms terms, std::uint64_t least_bytes = 0);
  [[nodiscard]] std::optional<core::Duration> unconfirmed() const;
  void answer();
  void answer_later();

  core::Mux& mux_;
  asio::io_context& context_;
  wire::Role role_;
  asio::steady_timer timer_;
  std::function<void()> on_news_;

  bool ended_ = false;

  // We ask.
  bool begun_ = false;
  core::LastCall::Terms terms_ = core::LastCall::Terms::what_was_sent;
  std::uint32_t number_ = 0;               // of our last Drain
  bool all_sent_ = false;                  // before it, nothing was left to send
  std::uint64_t sent_before_ = 0;          // how much
  std::optional<wire::Remaining> answer_;  // the last one

  // We are asked.
  std::optional<std::uint32_t> asked_;
  std::optional<std::uint32_t> answered_;  // with nothing left
  core::Duration period_{};
  core::Time looked_at_{};
  core::Time said_at_{};
  std::uint64_t said_progress_ = 0;
};

}  // namespace tfunnel::io
