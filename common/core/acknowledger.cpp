#include "common/core/acknowledger.hpp"

namespace tfunnel::core {

void Acknowledger::received(Time now, std::size_t bytes, bool worth_an_ack) {
  received_ += bytes;
  last_received_ = now;
  if (due_ || (!worth_an_ack && received_ - told_ < many_acks)) return;
  due_ = true;
  first_untold_ = now;
}

bool Acknowledger::urgent(Time now) const { return due_ && received_ - told_ >= much && now - last_told_ >= least_gap; }

std::optional<Acknowledger::Receipt> Acknowledger::take(Time now, bool sending) {
  if (!due_) return std::nullopt;
  const bool time = now - first_untold_ >= patience || (sending && now - last_told_ >= least_gap) || urgent(now);
  if (!time) return std::nullopt;
  due_ = false;
  told_ = received_;
  last_told_ = now;
  return Receipt{received_, last_received_};
}

std::optional<Time> Acknowledger::deadline() const {
  return due_ ? std::optional(first_untold_ + patience) : std::nullopt;
}

}  // namespace tfunnel::core
