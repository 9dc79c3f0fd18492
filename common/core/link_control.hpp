// One end's frames about the link itself.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/core/reach.hpp"
#include "common/core/resolver_hints.hpp"
#include "proto/tunnel.pb.h"

namespace tfunnel::core {

/// The frames that belong to no flow, and are due. The newest of a kind counts: what was not sent yet is not sent
/// twice. Pure.
class LinkControl {
 public:
  /// Facts about this end for its Hello.
  struct Self {
    wire::Role role = wire::ROLE_CLIENT;
    std::string software;  // printable; cut to what a log line may have
    std::size_t max_flows = 0;
    std::optional<ResolverHints> resolver;
  };
  /// Facts that the far end has told, and the credit that this end grants now.
  struct Situation {
    bool hello_received = false;
    bool accepts_flows = false;  // only then is a change of `initial_credit` of use to the far end
    std::size_t initial_credit = 0;
  };
  /// Puts a frame into the batch; false: no room.
  using Emit = std::function<bool(const wire::Frame&)>;

  explicit LinkControl(Self self);

  /// Another link, on which nothing was said yet.
  void begin_anew();
  /// Hello once more, with the greeting in front, in a frame of its own. No effect before Hello went out.
  void repeat_greeting();
  void ping() { ping_due_ = true; }
  void pong(std::uint64_t token) { pong_due_ = token; }
  void drain(std::uint32_t number) { drain_due_ = number; }
  void tell(const wire::Remaining& remaining) { remaining_due_ = remaining; }
  /// Said in Hello, or when it has gone out and this is something new. No effect for a client. True: a frame is due.
  bool tell_reach(const Reach& reach);
  /// Nothing follows it.
  void go_away(wire::GoAway::Code code, const std::string& message);

  [[nodiscard]] bool hello_sent() const { return !hello_due_; }
  [[nodiscard]] bool gone_away() const { return gone_away_; }
  [[nodiscard]] bool reach_waits() const { return reach_due_; }
  /// The most that the far end may have been promised for a new flow of its own.
  [[nodiscard]] std::size_t largest_told_credit() const { return largest_told_credit_; }

  [[nodiscard]] bool has_output(bool hello_received) const;
  /// False: no room. It goes before all else; whoever has heard Hello does not count it.
  bool fill_repeated_greeting(const Emit& emit);
  [[nodiscard]] bool repeats() const { return repeat_due_ && !gone_away_; }
  /// Everything else that is due. False: no room, or GoAway went out.
  bool fill(const Emit& emit, const Situation& now);

 private:
  [[nodiscard]] wire::Hello hello(std::size_t initial_credit) const;
  bool fill_hello(const Emit& emit, std::size_t initial_credit);
  bool fill_credit(const Emit& emit, std::size_t initial_credit);
  bool fill_reach(const Emit& emit);
  bool fill_signs_of_life(const Emit& emit);
  bool fill_farewell(const Emit& emit);

  Self self_;
  Reach reach_;       // ours, as it is now
  Reach told_reach_;  // as Hello says it; a Hello that is said again must be the same
  std::size_t told_initial_credit_ = 0;
  std::size_t largest_told_credit_ = 0;

  bool hello_due_ = true;
  bool repeat_due_ = false;
  bool reach_due_ = false;
  bool ping_due_ = false;
  std::uint64_t ping_token_ = 0;
  std::optional<std::uint64_t> pong_due_;
  std::optional<std::uint32_t> drain_due_;
  std::optional<wire::Remaining> remaining_due_;
  std::optional<wire::GoAway> go_away_due_;
  bool gone_away_ = false;
};

}  // namespace tfunnel::core
