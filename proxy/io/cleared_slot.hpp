// What a coroutine leaves behind of the operations that it has waited for.
#pragma once

#include <boost/asio/spawn.hpp>

#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// An operation that is over stays in the cancellation slot of its coroutine until the next one takes the place; Boost
/// clears it for awaitables only. By then its timer or socket may be gone, and who cancels the coroutine meanwhile (it
/// may wait for its turn in the event loop, which cannot be cancelled) would reach for it. So each function that waits
/// has one of these, made after all that it waits for.
class ClearedSlot {
 public:
  explicit ClearedSlot(const asio::yield_context& yield) : slot_(yield.get_cancellation_slot()) {}
  ~ClearedSlot() { slot_.clear(); }
  ClearedSlot(const ClearedSlot&) = delete;
  ClearedSlot& operator=(const ClearedSlot&) = delete;

 private:
  asio::cancellation_slot slot_;
};

}  // namespace tfunnel::proxy
