#include "client/status/snapshot.hpp"

#include <boost/json.hpp>

#include "common/io/log_line.hpp"

namespace tfunnel::client {

namespace {

namespace json = boost::json;

/// Counters of a link's table, and why they count.
struct LinkCounter {
  const char* member;
  const char* what;
  const char* why;
};
constexpr LinkCounter of_links[] = {
    {"datagrams_dropped", "datagrams", "they had waited too long for the link, or there was no room"},
    {"datagrams_refused", "datagrams", "no way out of the far end takes them"},
    {"errors_dropped", "errors about datagrams", "there were too many of them"},
    {"flows_gave_way", "UDP flows", "they gave way to others"},
};

/// Since when, and for how many seconds.
void add_since(json::object& object, core::Time since, const Moment& now) {
  const auto passed = now.even - since;
  const auto wall = now.wall - std::chrono::duration_cast<std::chrono::system_clock::duration>(passed);
  object.emplace("since", io::timestamp(wall));
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
  object.emplace("seconds", static_cast<double>(milliseconds) / 1000);
}

json::object link_object(const LinkFacts& link, std::size_t number, const Moment& now) {
  auto object = link.table;
  object.insert_or_assign("up", link.up);
  object.insert_or_assign("link", number);
  if (link.since) add_since(object, *link.since, now);
  if (!link.far_end.empty()) object.emplace("far_end", link.far_end);
  object.emplace("restarts", link.restarts);
  if (!link.trouble.empty()) object.emplace("trouble", link.trouble);
  return object;
}

json::object rules_object(const RulesFacts& rules) {
  json::array counters;
  for (const auto& counter : rules.counters) {
    counters.push_back(json::object{
        {"name", counter.name}, {"packets", counter.packets}, {"bytes", counter.bytes}, {"meaning", counter.meaning}});
  }
  return {{"stand", rules.stand},
          {"kill_switch", rules.kill_switch},
          {"captured", rules.captured},
          {"counters", std::move(counters)}};
}

void add_dropped(json::array& list, std::string_view what, std::string_view why, std::uint64_t count) {
  if (count > 0) list.push_back(json::object{{"what", what}, {"why", why}, {"count", count}});
}

std::uint64_t sum(const std::vector<LinkFacts>& links, const char* member) {
  std::uint64_t total = 0;
  for (const auto& link : links) {
    const auto* count = link.table.if_contains(member);
    if (count != nullptr) total += count->to_number<std::uint64_t>();
  }
  return total;
}

json::array dropped_list(const Snapshot& snapshot) {
  json::array list;
  for (const auto& [what, why, count] : snapshot.dropped) add_dropped(list, what, why, count);
  for (const auto& [member, what, why] : of_links) add_dropped(list, what, why, sum(snapshot.links, member));
  if (!snapshot.rules) return list;
  for (const auto& counter : snapshot.rules->counters) {
    if (counter.refused) add_dropped(list, "packets", counter.meaning, counter.packets);
  }
  return list;
}

}  // namespace

json::object status_object(const Snapshot& snapshot, const Moment& now) {
  json::object object{
      {"command", snapshot.command}, {"process", snapshot.process}, {"software", "tfunnel " TFUNNEL_VERSION}};
  if (!snapshot.program.empty()) object.emplace("program", snapshot.program);
  add_since(object, snapshot.begun, now);
  object.emplace("new_connections", snapshot.new_connections);
  json::array links;
  for (const auto& link : snapshot.links) links.push_back(link_object(link, links.size() + 1, now));
  object.emplace("links", std::move(links));
  if (snapshot.rules) object.emplace("rules", rules_object(*snapshot.rules));
  object.emplace("dropped", dropped_list(snapshot));
  return object;
}

}  // namespace tfunnel::client
