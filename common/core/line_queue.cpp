#include "common/core/line_queue.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tfunnel::core {

namespace {

std::size_t count_lines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// The whole lines within `most` bytes; their length.
std::size_t whole_lines(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  return most == 0 ? 0 : text.rfind('\n', most - 1) + 1;
}

}  // namespace

void LineQueue::push(std::string_view text) {
  assert(text.empty() || text.back() == '\n');
  const auto room = lost_ > 0 ? 0 : most_bytes_ - size();
  const auto kept = whole_lines(text, room);
  text_.append(text.substr(0, kept));
  lost_ += count_lines(text.substr(kept));
}

std::string_view LineQueue::front(std::size_t most) const {
  const auto waiting = std::string_view(text_).substr(begin_);
  const auto whole = whole_lines(waiting, most);
  return waiting.substr(0, whole > 0 ? whole : most);
}

void LineQueue::consume(std::size_t count) {
  assert(count <= size());
  begin_ += count;
  if (empty()) return clear();
  // Seldom enough that moving the rest costs nothing, often enough that what is gone takes no room.
  if (begin_ < most_bytes_ / 4) return;
  text_.erase(0, begin_);
  begin_ = 0;
}

void LineQueue::clear() {
  // Memory goes back: it will hardly be needed again.
  text_ = {};
  begin_ = 0;
}

std::size_t LineQueue::take_lost() { return half_free() ? std::exchange(lost_, 0) : 0; }

}  // namespace tfunnel::core
