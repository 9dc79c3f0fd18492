// Log lines that could not be written yet.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tfunnel::core {

/// A bounded queue of whole lines. A line that has no room is lost, and counted. Once it was full it takes no more
/// until half of it is free again, so that the lost lines are one gap, and not every other line.
class LineQueue {
 public:
  explicit LineQueue(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// `text` ends with a newline, unless it is empty. Of many lines the first ones stay.
  void push(std::string_view text);
  [[nodiscard]] bool empty() const { return begin_ == text_.size(); }
  [[nodiscard]] std::size_t size() const { return text_.size() - begin_; }
  /// The oldest lines, as many as are whole within `most` bytes; of a longer line, so many of its bytes.
  [[nodiscard]] std::string_view front(std::size_t most) const;
  /// REQUIRES: at most what front() gave.
  void consume(std::size_t count);
  /// Forgets what waits, without counting it.
  void clear();

  /// How many lines were lost, if it is time to tell because there is room again; asked once, they count as told.
  std::size_t take_lost();

 private:
  [[nodiscard]] bool half_free() const { return size() <= most_bytes_ / 2; }

  std::size_t most_bytes_;
  std::string text_;
  std::size_t begin_ = 0;  // what stands before it is gone
  std::size_t lost_ = 0;
};

}  // namespace tfunnel::core
