#include "proxy/names/namer.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "proxy/io/cleared_slot.hpp"
#include "proxy/names/flow_sniffer.hpp"

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
}

bool client_speaks_first(std::uint16_t port) {
  // HTTP and its usual second homes; then HTTPS, DoT, and mail, directory, chat and messages over TLS.
  constexpr std::array<std::uint16_t, 24> ports{80,   443,  465,  636,  853,  989,  990,  992,  993,  994,  995,  3000,
                                                5061, 5223, 6443, 8000, 8008, 8080, 8081, 8443, 8883, 8888, 9000, 9443};
  return std::ranges::binary_search(ports, port);
}

Naming choose_name(const core::Finding& said, const std::optional<NameTable::Known>& known, bool always) {
  if (said.verdict == core::Sniffed::found) return {said.name, always ? std::nullopt : std::optional<std::string>("")};
  if (!known) return {};
  if (always) return {known->name};
  if (said.verdict == core::Sniffed::address) return {};
  return known->shared ? Naming{"", known->name, true} : Naming{known->name, ""};
}

result<Naming> Namer::find(const Target& target, io::Relay& relay, asio::yield_context yield) {
  if (settings_.mode == NameMode::never) return Naming();
  const bool always = settings_.mode == NameMode::always;
  const auto known = table_.find(target.destination.address, Clock::now());
  const auto said = sniff(relay, patience(target, known.has_value()), yield);
  if (yield.cancelled() != asio::cancellation_type::none) return error_code(asio::error::operation_aborted);
  auto naming = memory_.arranged(target.destination, choose_name(said, known, always), Clock::now());
  if (always && naming.first.empty()) return error_code(asio::error::no_permission);
  return naming;
}

void Namer::second_worked(const Target& target, const Naming& naming) {
  memory_.second_worked(target.destination, naming, Clock::now());
}

core::Duration Namer::patience(const Target& target, bool is_known) const {
  if (settings_.mode == NameMode::always && !is_known) return settings_.wait_always;
  return client_speaks_first(target.destination.port) ? settings_.wait : core::Duration::zero();
}

// The relay may call after this function has returned, so the two share the timer.
core::Finding Namer::sniff(io::Relay& relay, core::Duration patience, const asio::yield_context& yield) {
  const auto timer = std::make_shared<asio::steady_timer>(context_);
  const auto end = Clock::now() + patience;
  const ClearedSlot cleared(yield);
  relay.on_early([timer] { timer->cancel(); });
  core::FlowSniffer sniffer;
  for (std::size_t position = 0;;) {
    const auto bytes = relay.early(position);
    position += bytes.size();
    sniffer.feed(bytes);
    if (sniffer.verdict() != core::Sniffed::searching) break;
    if (!bytes.empty()) continue;
    if (relay.early_is_all() || Clock::now() >= end) break;
    timer->expires_at(end);
    error_code ignored;
    timer->async_wait(yield[ignored]);
    if (yield.cancelled() != asio::cancellation_type::none) break;
  }
  relay.on_early(nullptr);
  return sniffer.finding();
}

}  // namespace tfunnel::proxy
