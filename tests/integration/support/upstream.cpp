#include "tests/integration/support/upstream.hpp"

#include <boost/asio/executor.hpp>

#include "common/io/errors.hpp"

namespace tfunnel::test {

void Upstream::refuse(Refuses what) {
  const std::lock_guard lock(mutex_);
  refused_ = what;
}

void Upstream::lead_to(const core::Endpoint& server) {
  const std::lock_guard lock(mutex_);
  server_ = server;
}

result<tcp::socket> Upstream::connect(const proxy::Target& target, asio::yield_context yield) {
  proxy::Target there = target;
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(target);
    there.destination = server_;
    if (refused_ == (target.name.empty() ? Refuses::addresses : Refuses::names))
      return target.asks_again != proxy::AskAgain::never ? proxy::refused_as_called()
                                                         : io::error_of(core::Reason::upstream_refused);
  }
  error_code error;
  tcp::socket socket(yield.get_executor());
  socket.async_connect(io::to_asio<tcp>(there.destination), yield[error]);
  if (error) return error;
  return socket;
}

std::optional<proxy::Target> Upstream::asked(std::size_t number) {
  if (!eventually([&] { return count() >= number; })) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return asked_.at(number - 1);
}

std::size_t Upstream::count() {
  const std::lock_guard lock(mutex_);
  return asked_.size();
}

}  // namespace tfunnel::test
