// How the proxy reaches a destination.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include "common/core/flow.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// A way out: takes a destination and gives a connected stream, or the reason why not.
class Egress {
 public:
  Egress() = default;
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;
  virtual ~Egress() = default;

  /// Runs inside a coroutine and may suspend it. When the flow is given up, the coroutine is
  /// cancelled: asynchronous operations then end with operation_aborted, and so should this.
  virtual result<tcp::socket> connect(const core::FlowRequest& request, asio::yield_context yield) = 0;
};

}  // namespace tfunnel::proxy
