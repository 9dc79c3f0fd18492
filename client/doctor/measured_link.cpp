#include "client/doctor/measured_link.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "common/io/json_words.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

std::optional<MeasuredLink> link_in(const json::value& told) {
  const auto* link = told.if_object();
  const auto* pacing = link != nullptr && io::truth(*link, "up") ? io::part(*link, "pacing") : nullptr;
  if (pacing == nullptr) return std::nullopt;
  const std::chrono::duration<double, std::milli> round_trip(io::number(*pacing, "round_trip_ms"));
  constexpr std::chrono::hours most(1);
  if (round_trip <= round_trip.zero() || round_trip > most) return std::nullopt;
  return MeasuredLink{true, std::chrono::duration_cast<std::chrono::microseconds>(round_trip),
                      io::number(*pacing, "bytes_per_second")};
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
