// Ends UDP flows that have fallen silent.
#pragma once

#include <memory>
#include <vector>

#include "common/io/datagram_end.hpp"
#include "common/io/idle_sweep.hpp"

namespace tfunnel::proxy {

/// Holds flows until they are over.
class UdpIdleSweep {
 public:
  UdpIdleSweep(asio::io_context& context, const core::UdpTimeouts& timeouts);

  void add(std::shared_ptr<io::DatagramEnd> end);

 private:
  std::vector<std::shared_ptr<io::DatagramEnd>> ends_;
  io::IdleSweep sweep_;
};

}  // namespace tfunnel::proxy
