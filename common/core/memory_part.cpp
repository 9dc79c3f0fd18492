#include "common/core/memory_part.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tfunnel::core {

bool MemoryPart::take(std::size_t bytes) {
  if (bytes > cap_) return false;
  while (bytes > cap_ - used_) {
    if (!make_room()) return false;
  }
  if (whole_ != nullptr && !whole_->take(bytes)) return false;
  used_ += bytes;
  return true;
}

void MemoryPart::give_back(std::size_t bytes) {
  assert(bytes <= used_);
  used_ -= bytes;
  if (whole_ != nullptr) whole_->give_back(bytes);
}

std::size_t MemoryPart::free() const {
  const auto own = cap_ - used_;
  return whole_ == nullptr ? own : std::min(own, whole_->free());
}

Charge::Charge(Charge&& other) noexcept : part_(other.part_), size_(std::exchange(other.size_, 0)) {}

Charge& Charge::operator=(Charge&& other) noexcept {
  if (this == &other) return *this;
  clear();
  part_ = other.part_;
  size_ = std::exchange(other.size_, 0);
  return *this;
}

bool Charge::resize(std::size_t bytes) {
  if (bytes <= size_) {
    shrink(bytes);
    return true;
  }
  if (part_ != nullptr && !part_->take(bytes - size_)) return false;
  size_ = bytes;
  return true;
}

// Nothing is touched for nothing: the part may be gone by then.
void Charge::shrink(std::size_t bytes) {
  assert(bytes <= size_);
  if (part_ != nullptr && bytes < size_) part_->give_back(size_ - bytes);
  size_ = bytes;
}

}  // namespace tfunnel::core
