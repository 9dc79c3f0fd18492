#include "common/io/flow_table.hpp"

#include <map>
#include <sstream>

namespace tfunnel::io {

namespace {

std::string flow_line(const core::Flow& flow) {
  std::ostringstream line;
  line << "flow " << flow.id << "  " << flow.request.text() << "  sent " << flow.bytes_sent << "  received "
       << flow.bytes_received;
  if (flow.request.transport == core::Transport::tcp) {
    line << "  credit " << flow.send_credit << "  window " << flow.window.window();
  }
  if (flow.end_sent) line << "  [we ended]";
  if (flow.end_received) line << "  [far end ended]";
  if (!flow.handler) {
    line << "  [closing]";
  } else if (const auto words = flow.handler->describe(); !words.empty()) {
    line << "  [" << words << "]";
  }
  return line.str();
}

}  // namespace

std::string flow_table(const core::Mux& mux, const core::MemoryBudget& budget) {
  std::map<core::FlowId, std::string> lines;
  mux.for_each_flow([&](const core::Flow& flow) { lines.emplace(flow.id, flow_line(flow)); });
  const auto& counters = mux.counters();
  std::ostringstream text;
  text << "flows: " << lines.size() << " now, " << counters.flows_opened << " in all\n";
  for (const auto& [id, line] : lines) text << "  " << line << '\n';
  const auto& pacer = mux.pacer();
  const std::chrono::duration<double, std::milli> round_trip = pacer.round_trip();
  text << "link: " << static_cast<std::uint64_t>(pacer.rate()) << " bytes/s at most, round trip " << round_trip.count()
       << " ms, in flight " << pacer.in_flight() << " of " << pacer.bound(std::chrono::steady_clock::now())
       << " bytes\n";
  text << "payload: sent " << counters.bytes_sent << " bytes, received " << counters.bytes_received
       << " bytes; of these without a copy " << counters.bytes_sent_moved << " and " << counters.bytes_received_moved
       << "\n"
       << "datagrams dropped: " << counters.datagrams_dropped << ", refused: " << counters.datagrams_refused
       << ", errors dropped: " << counters.errors_dropped << "\n"
       << "UDP flows that gave way to others: " << counters.flows_spared << "\n"
       << "buffered: " << budget.used() << " of " << budget.cap() << " bytes\n";
  return text.str();
}

}  // namespace tfunnel::io
