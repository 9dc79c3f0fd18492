#include "client/capture/summary.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <tuple>

namespace tfunnel::client {

namespace {

constexpr std::size_t most_destinations = 4096;
constexpr std::size_t most_lines = 100;

}  // namespace

Summary::Row& Summary::Row::operator+=(const Row& other) {
  count += other.count;
  sent += other.sent;
  received += other.received;
  refused += other.refused;
  for (std::size_t i = 0; i < reasons; ++i) why[i] += other.why[i];
  return *this;
}

Summary::Row& Summary::row(Rows& rows, Row& other, const core::Endpoint& destination) {
  if (const auto found = rows.find(destination); found != rows.end()) return found->second;
  return rows.size() < most_destinations ? rows[destination] : other;
}

// `cancelled` is the answer to our own Reset: the application wanted no more.
void Summary::flow_over(const core::Flow& flow, std::optional<core::Reason> reason) {
  if (flow.request.transport != core::Transport::tcp) return;
  const bool broken = reason && *reason != core::Reason::cancelled;
  if (broken) connections_.add(*reason, Link::up);
  if (!by_destination_) return;
  auto& row = tcp(flow.request.destination);
  row.sent += flow.bytes_sent;
  row.received += flow.bytes_received;
  if (broken) ++row.why[static_cast<std::size_t>(*reason)];
  if (flow.far_connected) {
    ++row.count;
  } else if (broken) {
    ++row.refused;
  }
}

void Summary::refused(const core::Endpoint& destination, core::Reason reason, Link link) {
  connections_.add(reason, link);
  if (!by_destination_) return;
  auto& row = tcp(destination);
  ++row.refused;
  ++row.why[static_cast<std::size_t>(reason)];
}

void Summary::count_sent(const core::Endpoint& peer, std::size_t bytes) {
  auto& row = udp(peer);
  ++row.count;
  row.sent += bytes;
}

void Summary::count_received(const core::Endpoint& peer, std::size_t bytes) {
  auto& row = udp(peer);
  ++row.count;
  row.received += bytes;
}

void Summary::datagram_refused(const core::Endpoint& peer, core::Reason reason, Link link) {
  datagrams_.add(reason, link);
  if (!by_destination_) return;
  auto& row = udp(peer);
  ++row.refused;
  ++row.why[static_cast<std::size_t>(reason)];
}

void Summary::add_lines(std::vector<Line>& lines, core::Transport transport, const Rows& rows) {
  for (const auto& [destination, row] : rows) lines.push_back({transport, destination.text(), row});
}

std::vector<Summary::Line> Summary::lines() const {
  std::vector<Line> all;
  add_lines(all, core::Transport::tcp, tcp_);
  add_lines(all, core::Transport::udp, udp_);
  std::ranges::sort(all, [](const Line& a, const Line& b) {
    const auto key = [](const Line& line) {
      return std::tuple(line.row.sent + line.row.received, line.row.refused, line.row.count);
    };
    return key(a) != key(b) ? key(a) > key(b)
                            : std::tie(a.destination, a.transport) < std::tie(b.destination, b.transport);
  });
  Line rest[] = {{core::Transport::tcp, "others", other_tcp_}, {core::Transport::udp, "others", other_udp_}};
  for (; all.size() > most_lines; all.pop_back())
    rest[all.back().transport == core::Transport::udp].row += all.back().row;
  for (const auto& line : rest) {
    if (line.row.count + line.row.refused > 0) all.push_back(line);
  }
  return all;
}

std::string Summary::text(bool json) const {
  const auto all = lines();
  std::string text;
  if (!json) {
    text = "what passed the tunnel, by destination (bytes; of udp: datagrams):\n";
    if (all.empty()) text += "  nothing\n";
    char line[200];
    std::snprintf(line, sizeof line, "  %-4s%-48s%12s%16s%16s%9s\n", "", "destination", "connections", "sent",
                  "received", "refused");
    if (!all.empty()) text += line;
  }
  for (const auto& line : all) text += json ? json_line(line) : table_line(line);
  return text;
}

std::vector<Dropped> Summary::dropped() const {
  std::vector<Dropped> all;
  const auto add = [&all](const char* what, const Refused& refused) {
    for (std::size_t i = 0; i < reasons; ++i) {
      all.push_back({what, std::string(core::name(static_cast<core::Reason>(i))), refused.why[i]});
    }
    all.push_back({what, "the link is down", refused.without_link});
  };
  add("connections", connections_);
  add("datagrams", datagrams_);
  std::erase_if(all, [](const Dropped& one) { return one.count == 0; });
  return all;
}

std::string Summary::json_line(const Line& line) {
  const auto& row = line.row;
  boost::json::object why;
  for (std::size_t i = 0; i < reasons; ++i) {
    if (row.why[i] > 0) why.emplace(core::name(static_cast<core::Reason>(i)), row.why[i]);
  }
  const bool is_tcp = line.transport == core::Transport::tcp;
  const boost::json::object object{{"summary", name(line.transport)},
                                   {"destination", line.destination},
                                   {is_tcp ? "connections" : "datagrams", row.count},
                                   {"sent", row.sent},
                                   {"received", row.received},
                                   {"refused", row.refused},
                                   {"reasons", why}};
  return boost::json::serialize(object) + "\n";
}

std::string Summary::table_line(const Line& line) {
  const auto& row = line.row;
  char text[300];
  std::snprintf(text, sizeof text, "  %-4s%-48s%12llu%16llu%16llu%9llu", name(line.transport), line.destination.c_str(),
                static_cast<unsigned long long>(row.count), static_cast<unsigned long long>(row.sent),
                static_cast<unsigned long long>(row.received), static_cast<unsigned long long>(row.refused));
  const auto reason = why(row);
  return text + (reason.empty() ? "" : "  " + reason) + '\n';
}

std::string Summary::why(const Row& row) {
  std::string text;
  for (std::size_t i = 0; i < reasons; ++i) {
    if (row.why[i] == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::string(core::name(static_cast<core::Reason>(i))) + ": " + std::to_string(row.why[i]);
  }
  return text;
}

}  // namespace tfunnel::client
