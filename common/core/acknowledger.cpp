#include "common/core/acknowledger.hpp"

#include <algorithm>

namespace tfunnel::core {

void Acknowledger::received(Time now, std::size_t bytes, bool worth_an_ack) {
  received_ += bytes;
  last_received_ = now;
  if (due_ || (!worth_an_ack && received_ - told_ < many_acks)) return;
  due_ = true;
  first_untold_ = now;
}

/// A far end that has sent little so far waits for each Ack to send more.
std::uint64_t Acknowledger::much() const { return std::clamp<std::uint64_t>(received_ / 8, 512, most_untold); }

double Acknowledger::savings(Time now) const {
  const std::chrono::duration<double> time = now - last_told_;
  const double earned = static_cast<double>(received_ - told_) + time.count() * income;
  return std::min(saved_ + earned, most_saved);
}

/// If nothing more arrives.
Time Acknowledger::affordable_at() const {
  const double missing = price - saved_ - static_cast<double>(received_ - told_);
  const std::chrono::duration<double> time(std::max(missing / income, 0.0));
  return last_told_ + std::chrono::ceil<Duration>(time);
}

bool Acknowledger::urgent(Time now) const {
  return due_ && much_untold() && now - last_told_ >= least_gap && savings(now) >= price;
}

std::optional<Acknowledger::Receipt> Acknowledger::take(Time now, bool sending) {
  if (!due_) return std::nullopt;
  const bool time = now - first_untold_ >= patience || (sending && now - last_told_ >= least_gap) || urgent(now);
  if (!time || savings(now) < price) return std::nullopt;
  saved_ = savings(now) - price;
  due_ = false;
  told_ = received_;
  last_told_ = now;
  return Receipt{received_, last_received_};
}

std::optional<Time> Acknowledger::deadline() const {
  if (!due_) return std::nullopt;
  const auto soon =
      much_untold() ? std::min(first_untold_ + patience, last_told_ + least_gap) : first_untold_ + patience;
  return std::max(soon, affordable_at());
}

}  // namespace tfunnel::core
