// How the proxy reaches the destination of a TCP flow.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include <memory>
#include <optional>
#include <string>

#include "common/core/mux.hpp"
#include "common/io/asio.hpp"
#include "proxy/egress/ask_again.hpp"

namespace tfunnel::proxy {

/// Where a TCP flow wants to go.
struct Target {
  core::Endpoint source;  // the application's, as the client saw it
  core::Endpoint destination;
  std::string name;  // the destination's host name, where one is known, for upstreams that want names
  core::MemoryBudget* memory = nullptr;   // what is kept for it beside the coroutine is charged there; null: nowhere
  AskAgain asks_again = AskAgain::never;  // connect() then gives refused_as_called()
  /// An egress puts words about a failure here, for a person at the application's end, without the destination;
  /// null: nowhere. Lives as long as connect() is at work.
  std::string* words = nullptr;
};

/// Only for a Target that asks again.
error_code refused_as_called();
/// Goes behind what the upstream said, for the log.
const char* next_try(bool was_named);

/// Room for `bytes` of what is kept for `target`; none: there is no memory for it, and it is to be refused with
/// no_buffer_space.
std::optional<core::Charge> charge_for(const Target& target, std::size_t bytes);

/// A way out: takes a destination and gives a connected stream, or the reason why not.
class Egress {
 public:
  Egress() = default;
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;
  virtual ~Egress() = default;

  /// Runs inside a coroutine and may suspend it. When the flow is given up, the coroutine is
  /// cancelled: asynchronous operations then end with operation_aborted, and so should this.
  /// io::prepare() was called for the socket it gives.
  virtual result<tcp::socket> connect(const Target& target, asio::yield_context yield) = 0;

  /// Would Target::name be of use? Only then is one looked for, which may take a moment.
  [[nodiscard]] virtual bool wants_name(const Target& target) const {
    static_cast<void>(target);
    return false;
  }

  /// The program is about to end, and those who wait in connect() are cancelled: this ends, for good, what the egress
  /// has begun beside them. Those behind it are not told.
  virtual void stop() {}
};

}  // namespace tfunnel::proxy
