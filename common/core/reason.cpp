#include "common/core/reason.hpp"

#include <array>

#include "proto/tunnel.pb.h"

namespace tfunnel::core {

namespace {
constexpr std::array<std::string_view, 10> names{
    "unspecified",    "connection refused", "host unreachable",      "network unreachable",
    "timed out",      "connection reset",   "denied by the far end", "refused by the upstream proxy",
    "resource limit", "cancelled"};
static_assert(names.size() == wire::Reason_ARRAYSIZE, "each Reason needs a name");
static_assert(static_cast<int>(Reason::cancelled) == wire::REASON_CANCELLED);
static_assert(static_cast<int>(Reason::timed_out) == wire::REASON_TIMED_OUT);
}  // namespace

std::string_view name(Reason reason) { return names[static_cast<std::size_t>(reason)]; }

Reason reason_from_wire(int value) {
  return wire::Reason_IsValid(value) ? static_cast<Reason>(value) : Reason::unspecified;
}

}  // namespace tfunnel::core
