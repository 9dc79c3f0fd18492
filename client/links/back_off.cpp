#include "client/links/back_off.hpp"

#include <algorithm>

namespace tfunnel::core {

Duration BackOff::next(Duration lived, double chance) {
  if (lived >= healthy) forget();
  step_ = std::clamp<Duration>(step_ * 2, first, longest);
  return std::chrono::duration_cast<Duration>(step_ * (0.5 + chance / 2));
}

}  // namespace tfunnel::core
