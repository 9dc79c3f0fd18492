#include "proxy/lookup/name_lookup.hpp"

#include <chrono>

#include "common/core/host_name.hpp"
#include "proxy/io/cleared_slot.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

result<std::vector<core::Address>> addresses_of(const NameAnswer& answer) {
  if (answer.addresses.empty()) return answer.error;
  return answer.addresses;
}

}  // namespace

result<std::vector<core::Address>> NameLookup::find(const std::string& name, const std::shared_ptr<Wait>& wait,
                                                    const asio::yield_context& yield) {
  if (const auto address = core::Address::parse(name)) return std::vector{*address};
  // Names may come from a proxy, or from a flow.
  if (!core::is_host_name(name)) return error_code(NameError::not_found);
  if (wait->stopped_) return error_code(asio::error::timed_out);
  if (source_->has_changed(Clock::now())) shared_.forget();
  if (const auto* kept = shared_.kept(name, Clock::now())) return addresses_of(*kept);
  wait->answer_.reset();
  wait->timer_.expires_at(Clock::time_point::max());
  const auto ticket = shared_.wait(name, [wait](const NameAnswer& answer) {
    wait->answer_ = answer;
    wait->timer_.cancel();
  });
  ask_next();
  error_code ignored;
  const ClearedSlot cleared(yield);
  wait->timer_.async_wait(yield[ignored]);
  if (wait->answer_) return addresses_of(*wait->answer_);
  shared_.give_up(ticket);
  return error_code(wait->stopped_ ? asio::error::timed_out : asio::error::operation_aborted);
}

void NameLookup::ask_next() {
  while (const auto name = shared_.next()) {
    source_->ask(*name, [this, name = *name](NameAnswer answer) {
      shared_.answered(name, std::move(answer), Clock::now());
      ask_next();
    });
  }
}

}  // namespace tfunnel::proxy
