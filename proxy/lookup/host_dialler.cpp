#include "proxy/lookup/host_dialler.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/io/errors.hpp"
#include "common/io/socket_mark.hpp"
#include "common/io/socket_options.hpp"
#include "proxy/io/cleared_slot.hpp"
#include "proxy/lookup/address_race.hpp"
#include "proxy/lookup/system_names.hpp"

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
}

HostDialler::HostDialler(asio::io_context& context) : HostDialler(context, std::make_unique<SystemNames>(context)) {}

/// The attempts that are under way. Shared with their handlers, which may come after the coroutine has gone on.
struct HostDial::Race {
  Race(asio::io_context& context, const std::vector<tcp::endpoint>& endpoints_)
      : endpoints(endpoints_), logic(endpoints_.size()), wake(context) {
    for (std::size_t i = 0; i < endpoints.size(); ++i) sockets.emplace_back(context);
    given_up.resize(endpoints.size());
  }

  static void start(const std::shared_ptr<Race>& race, std::size_t index) {
    if (race->logic.crowded()) race->give_oldest_up();
    auto& socket = race->sockets[index];
    error_code error;
    socket.open(race->endpoints[index].protocol(), error);
    if (!error) error = io::SocketMark::of(race->wake.get_executor().context()).apply(socket.native_handle());
    if (error) return race->logic.failed(error);
    io::prepare(socket.native_handle());
    socket.async_connect(race->endpoints[index], [race, index](error_code outcome) { race->ended(index, outcome); });
  }

  void ended(std::size_t index, error_code error) {
    if (over || given_up[index]) return;
    if (error) {
      // Closed, or the descriptor would be held until the end.
      error_code ignored;
      sockets[index].close(ignored);
      logic.failed(error);
    } else if (!winner) {
      winner = index;
    }
    wake.cancel();
  }

  void give_oldest_up() {
    const auto oldest = std::ranges::find_if(sockets, [](const auto& socket) { return socket.is_open(); });
    if (oldest == sockets.end()) return;
    given_up[static_cast<std::size_t>(oldest - sockets.begin())] = true;
    error_code ignored;
    oldest->close(ignored);
    logic.given_up();
  }

  /// Closes all sockets, which ends the attempts.
  void finish() {
    over = true;
    sockets.clear();
    wake.cancel();
  }

  std::vector<tcp::endpoint> endpoints;
  AddressRace logic;
  std::vector<tcp::socket> sockets;
  std::vector<bool> given_up;  // its handler is still to come
  asio::steady_timer wake;
  std::optional<std::size_t> winner;
  bool over = false;
};

void HostDial::stop() {
  stopped_ = true;
  wait_->stop();
  if (race_) race_->wake.cancel();
}

error_code HostDial::find_addresses(const asio::yield_context& yield) {
  error_code is_name;
  const auto literal = asio::ip::make_address(host_, is_name);
  if (!is_name) {
    // As it is: a link-local address has its interface in it.
    untried_ = {tcp::endpoint(literal, port_)};
    found_ = true;
    return {};
  }
  const auto addresses = dialler_.lookup_.find(host_, wait_, yield);
  if (!addresses) return addresses.error();
  found_ = true;
  for (const auto& address : dialler_.memory_.arrange(host_, *addresses, Clock::now()))
    untried_.push_back(io::to_asio<tcp>({address, port_}));
  return {};
}

result<tcp::socket> HostDial::connect(const asio::yield_context& yield) {
  if (!found_) {
    if (const auto error = find_addresses(yield)) return error;
  }
  if (untried_.empty()) return error_code(asio::error::host_unreachable);
  auto socket = race(untried_, yield);
  if (!socket) {
    untried_.clear();
    return socket;
  }
  error_code error;
  reached_ = socket->remote_endpoint(error);
  if (error) return error;
  // Those that lost the race may have been slow only.
  std::erase_if(untried_, [&](const auto& endpoint) { return endpoint.address() == reached_.address(); });
  return socket;
}

result<tcp::socket> HostDial::connect_again(const asio::yield_context& yield) { return race({reached_}, yield); }

result<tcp::socket> HostDial::race(const std::vector<tcp::endpoint>& endpoints, const asio::yield_context& yield) {
  const auto race = std::make_shared<Race>(dialler_.context_, endpoints);
  struct Finish {
    HostDial& dial;
    Race& race;
    ~Finish() {
      race.finish();
      dial.race_.reset();
    }
  } const finish{*this, *race};
  race_ = race;
  const ClearedSlot cleared(yield);
  for (;;) {
    while (const auto index = race->logic.next(Clock::now())) Race::start(race, *index);
    if (stopped_) return error_code(asio::error::timed_out);
    if (race->winner) break;
    if (race->logic.lost()) return race->logic.error();
    race->wake.expires_at(race->logic.due().value_or(Clock::time_point::max()));
    error_code ignored;
    race->wake.async_wait(yield[ignored]);
    if (yield.cancelled() != asio::cancellation_type::none) return error_code(asio::error::operation_aborted);
  }
  auto& socket = race->sockets[*race->winner];
  error_code ignored;
  socket.non_blocking(true, ignored);
  return std::move(socket);
}

void HostDial::serves() { dialler_.memory_.worked(host_, reached(), Clock::now()); }

void HostDial::fails(const core::Address& address) { dialler_.memory_.failed(host_, address, Clock::now()); }

}  // namespace tfunnel::proxy
