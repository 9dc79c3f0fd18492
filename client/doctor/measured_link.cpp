#include "client/doctor/measured_link.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace tfunnel::client {

namespace {

namespace json = boost::json;

double number(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

std::optional<MeasuredLink> link_in(const json::value& told) {
  const auto* link = told.if_object();
  const auto* up = link != nullptr ? link->if_contains("up") : nullptr;
  const auto* pacing = link != nullptr ? link->if_contains("pacing") : nullptr;
  if (up == nullptr || *up != true || pacing == nullptr || !pacing->is_object()) return std::nullopt;
  const std::chrono::duration<double, std::milli> round_trip(number(pacing->get_object(), "round_trip_ms"));
  constexpr std::chrono::hours most(1);
  if (round_trip <= round_trip.zero() || round_trip > most) return std::nullopt;
  return MeasuredLink{true, std::chrono::duration_cast<std::chrono::microseconds>(round_trip),
                      number(pacing->get_object(), "bytes_per_second")};
}

}  // namespace

std::optional<MeasuredLink> measured_link(std::span<const StatusAnswer> answers, pid_t instance) {
  const auto own = std::ranges::find(answers, instance, &StatusAnswer::process);
  if (own == answers.end() || !own->text) return std::nullopt;
  boost::system::error_code error;
  const auto told = json::parse(*own->text, error);
  const auto* object = error ? nullptr : told.if_object();
  const auto* links = object != nullptr ? object->if_contains("links") : nullptr;
  if (links == nullptr || !links->is_array()) return std::nullopt;
  for (const auto& one : links->get_array()) {
    if (const auto link = link_in(one)) return link;
  }
  return std::nullopt;
}

}  // namespace tfunnel::client
