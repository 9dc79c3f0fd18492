// Ends UDP flows that have fallen silent.
#pragma once

#include <memory>
#include <vector>

#include "common/io/asio.hpp"
#include "common/io/datagram_end.hpp"

namespace tfunnel::proxy {

/// The timer runs only while there are flows, so an idle proxy sleeps.
class UdpIdleSweep {
 public:
  UdpIdleSweep(asio::io_context& context, const core::UdpTimeouts& timeouts) : timeouts_(timeouts), timer_(context) {}

  void add(std::shared_ptr<io::DatagramEnd> end);

 private:
  void sweep_later();

  core::UdpTimeouts timeouts_;
  asio::steady_timer timer_;
  std::vector<std::shared_ptr<io::DatagramEnd>> ends_;
};

}  // namespace tfunnel::proxy
