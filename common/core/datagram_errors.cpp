#include "common/core/datagram_errors.hpp"

#include <algorithm>

namespace tfunnel::core {

bool DatagramErrors::add(const Error& error) {
  if (kept_ && std::ranges::find(kept_->errors, error) != kept_->errors.end()) return true;
  if (kept_ && kept_->errors.size() >= most) return false;
  auto kept = kept_ ? std::move(kept_) : std::make_unique<Kept>(Kept{Charge(part_), {}});
  const bool room = kept->charge.resize((kept->errors.size() + 1) * cost);
  if (room) kept->errors.push_back(error);
  if (!kept->errors.empty()) kept_ = std::move(kept);
  return room;
}

void DatagramErrors::pop() {
  kept_->errors.erase(kept_->errors.begin());
  kept_->charge.shrink(kept_->errors.size() * cost);
  if (kept_->errors.empty()) kept_.reset();
}

}  // namespace tfunnel::core
