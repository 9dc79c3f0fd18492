// When to tell the far end how much of the link was consumed.
#pragma once

#include <cstdint>
#include <optional>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// Often enough that the far end's Pacer sees clearly, seldom enough to cost nothing: every 4 ms
/// while something arrives, every millisecond while much does. Acks are acknowledged
/// only by the kilobyte, or two idle ends would never fall silent; but not never, or a side that
/// sends nothing else for long could not send again.
///
/// Where the other direction is slow they must not fill it: they are paid for by what arrives, and a few by time.
class Acknowledger {
 public:
  void received(Time now, std::size_t bytes, bool worth_an_ack);
  struct Receipt {
    std::uint64_t total;
    Time at;  // when the last of them came
  };
  /// The count to acknowledge, if it is time; `sending` says that frames go out anyway.
  std::optional<Receipt> take(Time now, bool sending);
  /// When take() should be asked at the latest; nothing while all is acknowledged.
  [[nodiscard]] std::optional<Time> deadline() const;
  /// Enough has arrived to ask take() at once.
  [[nodiscard]] bool urgent(Time now) const;

 private:
  static constexpr Duration patience = std::chrono::milliseconds(4);
  static constexpr Duration least_gap = std::chrono::milliseconds(1);
  static constexpr std::uint64_t most_untold = 64U << 10;
  static constexpr std::uint64_t many_acks = 1U << 10;
  // Bytes that must arrive for an Ack to be sent, as a price: an Ack is a sixteenth of that. Time pays for two a
  // second.
  static constexpr double price = 240;
  static constexpr double income = 2 * price;
  static constexpr double most_saved = 8 * price;

  [[nodiscard]] std::uint64_t much() const;
  [[nodiscard]] bool much_untold() const { return received_ - told_ >= much(); }
  [[nodiscard]] double savings(Time now) const;
  [[nodiscard]] Time affordable_at() const;

  std::uint64_t received_ = 0;
  std::uint64_t told_ = 0;
  bool due_ = false;
  Time first_untold_{};
  Time last_received_{};
  Time last_told_{};
  double saved_ = most_saved;  // when last_told_
};

}  // namespace tfunnel::core
