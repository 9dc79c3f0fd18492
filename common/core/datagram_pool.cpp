#include "common/core/datagram_pool.hpp"

#include <bit>

namespace tfunnel::core {

// The position of the highest bit, and the two bits behind it.
std::size_t DatagramPool::class_of(std::size_t bytes) {
  const auto width = static_cast<std::size_t>(std::bit_width(bytes));
  return width < 3 ? bytes : (width - 1) * 4 + (bytes >> (width - 3) & 3U);
}

void DatagramPool::resized(Member& member, std::size_t bytes) {
  const auto size_class = class_of(bytes);
  if (member.is_linked()) {
    if (bytes > 0 && size_class == member.size_class_) return;
    member.unlink();
  }
  if (bytes == 0) return;
  member.size_class_ = size_class;
  by_size_[size_class].push_back(member);
  if (size_class > highest_) highest_ = size_class;
}

bool DatagramPool::make_room() {
  while (highest_ > 0 && by_size_[highest_].empty()) --highest_;
  auto& fattest = by_size_[highest_];
  if (fattest.empty()) return false;
  // Those of one class take turns.
  auto& member = fattest.front();
  fattest.splice(fattest.end(), fattest, fattest.begin());
  member.give_way();
  return true;
}

}  // namespace tfunnel::core
