// In which order and when a host's addresses are tried.
#pragma once

#include <boost/system/error_code.hpp>

#include <optional>

#include "common/core/time.hpp"

namespace tfunnel::proxy {

/// The clock of RFC 8305, 5: the next address is tried when the one before has failed, or has not answered for a while;
/// the first that answers wins. Pure; addresses are numbers here, in the order in which they are to be tried.
class AddressRace {
 public:
  /// The connection attempt delay, as the RFC recommends it.
  static constexpr core::Duration delay = std::chrono::milliseconds(250);
  /// So many attempts may be open, for each holds a descriptor. The next then waits for longer, and takes the place of
  /// the oldest.
  static constexpr std::size_t most_open = 3;
  static constexpr core::Duration crowded_delay = std::chrono::seconds(2);

  explicit AddressRace(std::size_t count) : count_(count) {}

  /// The address to try now, which is told only once; none: nothing is to be done before due().
  std::optional<std::size_t> next(core::Time now);
  /// When next() has something again, if nothing fails; none: all have been tried.
  [[nodiscard]] std::optional<core::Time> due() const;
  void failed(boost::system::error_code error);
  /// More are open than may be: the oldest is to be closed, and given_up() to be called.
  [[nodiscard]] bool crowded() const { return started_ - failures_ > most_open; }
  void given_up();

  /// All have failed.
  [[nodiscard]] bool lost() const { return failures_ == count_; }
  /// Why: of all errors the first that tells of the host. That this machine has no way to a family of addresses counts
  /// only if there is nothing else to tell.
  [[nodiscard]] boost::system::error_code error() const { return error_; }

 private:
  std::size_t count_;
  std::size_t started_ = 0;
  std::size_t failures_ = 0;
  core::Time due_{};
  boost::system::error_code error_;
};

}  // namespace tfunnel::proxy
