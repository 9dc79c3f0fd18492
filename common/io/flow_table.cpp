#include "common/io/flow_table.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <sstream>
#include <vector>

namespace tfunnel::io {

namespace {

namespace json = boost::json;

using Flows = std::vector<const core::Flow*>;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr auto all = std::numeric_limits<std::size_t>::max();

/// Ordered by id; if there are more than so many, those that carried most.
Flows flows_of(const core::Mux& mux, std::size_t most = all) {
  Flows flows;
  flows.reserve(mux.flow_count());
  mux.for_each_flow([&](const core::Flow& flow) { flows.push_back(&flow); });
  if (flows.size() > most) {
    const auto carried = [](const core::Flow* flow) { return flow->bytes_sent + flow->bytes_received; };
    std::ranges::nth_element(flows, flows.begin() + static_cast<std::ptrdiff_t>(most), std::greater{}, carried);
    flows.resize(most);
  }
  std::ranges::sort(flows, {}, &core::Flow::id);
  return flows;
}

std::string words_of(const core::Flow& flow) { return flow.handler ? flow.handler->describe() : "closing"; }

std::string flow_line(const core::Flow& flow) {
  std::ostringstream line;
  line << "flow " << flow.id << "  " << flow.request.text() << "  sent " << flow.bytes_sent << "  received "
       << flow.bytes_received;
  if (flow.request.transport == core::Transport::tcp) {
    line << "  credit " << flow.send_credit << "  window " << flow.window.window();
  }
  if (flow.end_sent) line << "  [we ended]";
  if (flow.end_received) line << "  [far end ended]";
  if (const auto words = words_of(flow); !words.empty()) line << "  [" << words << "]";
  return line.str();
}

json::object flow_object(const core::Flow& flow) {
  json::object object{{"flow", flow.id},
                      {"transport", core::name(flow.request.transport)},
                      {"source", flow.request.source.text()},
                      {"sent", flow.bytes_sent},
                      {"received", flow.bytes_received},
                      {"end_sent", flow.end_sent},
                      {"end_received", flow.end_received}};
  if (flow.request.transport == core::Transport::tcp) {
    object.emplace("destination", flow.request.destination.text());
    object.emplace("credit", flow.send_credit);
    object.emplace("window", flow.window.window());
  }
  if (const auto words = words_of(flow); !words.empty()) object.emplace("state", words);
  return object;
}

std::string text_table(const core::Mux& mux, const core::MemoryBudget& budget) {
  const auto flows = flows_of(mux);
  const auto& counters = mux.counters();
  std::ostringstream text;
  text << "flows: " << flows.size() << " now, " << counters.flows_opened << " in all\n";
  for (const auto* flow : flows) text << "  " << flow_line(*flow) << '\n';
  const auto& pacer = mux.pacer();
  text << "link: " << static_cast<std::uint64_t>(pacer.rate()) << " bytes/s at most, round trip "
       << Milliseconds(pacer.round_trip()).count() << " ms, in flight " << pacer.in_flight() << " of "
       << pacer.bound(std::chrono::steady_clock::now()) << " bytes\n";
  text << "payload: sent " << counters.bytes_sent << " bytes, received " << counters.bytes_received
       << " bytes; of these without a copy " << counters.bytes_sent_moved << " and " << counters.bytes_received_moved
       << "\n"
       << "datagrams dropped: " << counters.datagrams_dropped << ", refused: " << counters.datagrams_refused
       << ", errors dropped: " << counters.errors_dropped << "\n"
       << "UDP flows that gave way to others: " << counters.flows_spared << "\n"
       << "buffered: " << budget.used() << " of " << budget.cap() << " bytes\n";
  return text.str();
}

json::object pacer_object(const core::Pacer& pacer) {
  return {{"bytes_per_second", static_cast<std::uint64_t>(pacer.rate())},
          {"round_trip_ms", Milliseconds(pacer.round_trip()).count()},
          {"in_flight", pacer.in_flight()},
          {"bound", pacer.bound(std::chrono::steady_clock::now())}};
}

json::object json_table(const core::Mux& mux, const core::MemoryBudget& budget, std::size_t most_flows = all) {
  const auto& counters = mux.counters();
  json::array flows;
  for (const auto* flow : flows_of(mux, most_flows)) flows.emplace_back(flow_object(*flow));
  return {{"up", true},
          {"flows", std::move(flows)},
          {"flows_opened", counters.flows_opened},
          {"pacing", pacer_object(mux.pacer())},
          {"sent", counters.bytes_sent},
          {"sent_without_copy", counters.bytes_sent_moved},
          {"received", counters.bytes_received},
          {"received_without_copy", counters.bytes_received_moved},
          {"datagrams_dropped", counters.datagrams_dropped},
          {"datagrams_refused", counters.datagrams_refused},
          {"errors_dropped", counters.errors_dropped},
          {"flows_gave_way", counters.flows_spared},
          {"buffered", budget.used()},
          {"buffer_size", budget.cap()}};
}

void print_table(const Log& log, std::size_t link, const std::string& text, json::object object) {
  if (log.format() == LogFormat::text) {
    return log.print((link != 0 ? "link " + std::to_string(link) + ":\n" : "") + text);
  }
  if (link != 0) object.emplace("link", link);
  log.print("flow table", object);
}

}  // namespace

void print_flow_table(const Log& log, std::size_t link, const core::Mux& mux, const core::MemoryBudget& budget) {
  const bool json = log.format() == LogFormat::json;
  print_table(log, link, json ? "" : text_table(mux, budget), json ? json_table(mux, budget) : json::object());
}

json::object flow_table(const core::Mux& mux, const core::MemoryBudget& budget, std::size_t most_flows) {
  auto table = json_table(mux, budget, most_flows);
  table.emplace("flows_now", mux.flow_count());
  return table;
}

void print_no_flow_table(const Log& log, std::size_t link) {
  print_table(log, link, "the link is down\n", {{"up", false}});
}

}  // namespace tfunnel::io
