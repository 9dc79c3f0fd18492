// The part of an application's data that still counts, once the link is to end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// One connection's last call. Nobody can see how much a sender's kernel still holds behind what has come, or whether
/// the application has closed it: so for a while all that comes counts. It ends when nothing has come for a moment, or
/// when more has come than a kernel holds: then somebody is still writing, who would keep us for ever. Once the
/// application's own end has come, all before it counts. Pure.
class LastCall {
 public:
  /// Applications that exist no more end all their connections: then there is nothing to be guessed.
  enum class Terms { what_was_sent, all };

  /// As long as a network may take from the sender to us.
  static constexpr Duration silence = std::chrono::milliseconds(50);
  /// The bytes that Linux lets an application write ahead (tcp_wmem, tcp(7)), with those in our own socket on top.
  static constexpr std::uint64_t sender_holds = 4U << 20;

  /// `waiting` bytes have come and were not read yet.
  LastCall(Terms terms, std::uint64_t waiting) : all_(terms == Terms::all), left_(waiting + sender_holds) {}

  /// How much may be read; 0: the call is over.
  [[nodiscard]] std::size_t allowance() const {
    if (over_) return 0;
    return all_ ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(left_);
  }
  void read(std::size_t bytes) {
    left_ -= std::min<std::uint64_t>(left_, bytes);
    silent_since_.reset();
  }
  /// A look at the connection: `waiting` bytes to read, and whether the end has come behind them. Returns whether the
  /// call is over.
  bool look(Time now, std::uint64_t waiting, bool end_has_come) {
    all_ = all_ || end_has_come;
    if (waiting > 0 || end_has_come) {
      silent_since_.reset();
    } else if (!silent_since_) {
      silent_since_ = now;
    }
    over_ = over_ || (!all_ && (left_ == 0 || (silent_since_ && now - *silent_since_ >= silence)));
    return over_;
  }

 private:
  bool all_;
  bool over_ = false;
  std::uint64_t left_;
  std::optional<Time> silent_since_;
};

}  // namespace tfunnel::core
