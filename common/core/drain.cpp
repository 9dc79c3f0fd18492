#include "common/core/drain.hpp"

#include <algorithm>
#include <utility>

namespace tfunnel::core {

Drain::Facts& Drain::Facts::operator+=(const Facts& other) {
  left += other.left;
  if (other.unconfirmed) unconfirmed = std::max(unconfirmed.value_or(Duration::zero()), *other.unconfirmed);
  unconfirmed_is_cut = unconfirmed_is_cut || other.unconfirmed_is_cut;
  position += other.position;
  return *this;
}

Drain::Verdict Drain::look(Time now, const Facts& facts) {
  if (facts.over()) return Verdict::delivered;
  const bool known = !facts.left.none();
  if (position_ != facts.position) progress_at_ = now;
  position_ = facts.position;
  const auto patience = known ? limits_.linger : std::min(limits_.linger, *facts.unconfirmed);
  if (hurried_ || now - progress_at_ >= patience) {
    return known || facts.unconfirmed_is_cut ? Verdict::cut : Verdict::delivered;
  }
  if (now - begun_ < silent_wait || std::exchange(told_, true)) return Verdict::wait;
  return Verdict::tell;
}

}  // namespace tfunnel::core
