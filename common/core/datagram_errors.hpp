// Errors that the far end is still to hear, of datagrams that could not be delivered.
#pragma once

#include <memory>
#include <vector>

#include "common/core/address.hpp"
#include "common/core/memory_part.hpp"
#include "common/core/reason.hpp"

namespace tfunnel::core {

/// One flow's errors, each said once: anybody can forge ICMP by the thousand, and so many must neither cost the link
/// anything nor memory.
class DatagramErrors {
 public:
  struct Error {
    Endpoint peer;
    Reason reason;
    auto operator<=>(const Error&) const = default;
  };
  static constexpr std::size_t most = 32;

  /// The errors that are kept are charged to `part`, which must outlive this.
  explicit DatagramErrors(MemoryPart& part) : part_(part) {}

  /// False: there is no room for one more. The same error again needs none.
  bool add(const Error& error);
  [[nodiscard]] bool empty() const { return !kept_; }
  /// The oldest. REQUIRES: !empty().
  [[nodiscard]] const Error& front() const { return kept_->errors.front(); }
  void pop();

 private:
  // With its share of the vector.
  static constexpr std::size_t cost = 2 * sizeof(Error);

  struct Kept {
    Charge charge;
    std::vector<Error> errors;
  };

  MemoryPart& part_;
  // Made on first use: hardly any flow has an error.
  std::unique_ptr<Kept> kept_;
};

}  // namespace tfunnel::core
