// Which ids one side has given its flows.
#pragma once

#include <cstdint>

#include "common/core/frame_limits.hpp"

namespace tfunnel::core {

/// They go up by two, and begin anew when they have come to an end. The used ones are needed to tell a late frame from
/// nonsense.
class FlowIds {
 public:
  /// `before` is two less than the first one.
  explicit FlowIds(FlowId before) : last_(before) {}

  [[nodiscard]] FlowId next() const { return last_ + 2; }
  /// `id` is used from now on.
  void use(FlowId id) {
    use_ = use_ == Use::none ? Use::rising : id < last_ ? Use::wrapped : use_;
    last_ = id;
  }
  /// Serial number arithmetic (RFC 1982): does it come after the last one?
  [[nodiscard]] bool is_new(FlowId id) const { return static_cast<std::int32_t>(id - last_) > 0; }
  [[nodiscard]] bool was_used(FlowId id) const {
    if (use_ == Use::none) return false;
    return use_ == Use::wrapped ? !is_new(id) : id <= last_;
  }
  /// For tests: as if `last` had been used last.
  void start_after(FlowId last) { last_ = last; }

 private:
  enum class Use : std::uint8_t { none, rising, wrapped };
  FlowId last_;
  Use use_ = Use::none;
};

}  // namespace tfunnel::core
