// An upstream for tests: takes any destination, remembers what was asked for, and connects to a server of the test.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "proxy/egress/egress_direct.hpp"
#include "tests/integration/support/sockets.hpp"

namespace tfunnel::test {

class Upstream final : public proxy::Egress {
 public:
  explicit Upstream(const core::Endpoint& server) : server_(server) {}

  /// The targets that it refuses from now on: targets with a name, those without, or none.
  enum class Refuses { nothing, names, addresses };
  void refuse(Refuses what);
  /// Where the next connection goes.
  void lead_to(const core::Endpoint& server);
  result<tcp::socket> connect(const proxy::Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const proxy::Target& /*target*/) const override { return true; }

  /// Waits for the connection number `count`, from 1; nothing if it does not come.
  std::optional<proxy::Target> asked(std::size_t count = 1);
  std::size_t count();

 private:
  // The test's thread asks while the event loop's writes.
  std::mutex mutex_;
  core::Endpoint server_;
  Refuses refused_ = Refuses::nothing;
  std::vector<proxy::Target> asked_;
};

}  // namespace tfunnel::test
