// The table of --summary, from the flows that it was told.
#include "client/capture/summary.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>

namespace tfunnel::client {
namespace {

using core::Reason;

core::Endpoint to(std::uint8_t last, std::uint16_t port = 80) { return {core::Address::v4({192, 0, 2, last}), port}; }

struct Ended {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  bool was_made = true;
};

void end(Summary& summary, const core::Endpoint& destination, Ended how, std::optional<Reason> reason = {}) {
  core::MemoryBudget budget(1U << 20);
  core::Flow flow(1, {core::Transport::tcp, to(9), destination}, budget, 0);
  flow.bytes_sent = how.sent;
  flow.bytes_received = how.received;
  flow.far_connected = how.was_made;
  summary.flow_over(flow, reason);
}

std::vector<boost::json::object> rows(const Summary& summary) {
  std::vector<boost::json::object> all;
  std::istringstream lines(summary.text(true));
  for (std::string line; std::getline(lines, line);) all.push_back(boost::json::parse(line).as_object());
  return all;
}

TEST(Summary, NothingPassed) {
  EXPECT_EQ(rows(Summary()).size(), 0U);
  EXPECT_NE(Summary().text(false).find("nothing"), std::string::npos);
}

TEST(Summary, DestinationsAreAddedUpAndTheLargestComesFirst) {
  Summary summary;
  end(summary, to(1), {10, 20});
  end(summary, to(2), {1, 1000});
  end(summary, to(1), {5, 5}, Reason::cancelled);
  summary.datagram_sent(to(3, 53), 30);
  summary.datagram_received(to(3, 53), 100);
  const auto all = rows(summary);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].at("destination"), "192.0.2.2:80");
  EXPECT_EQ(all[1], (boost::json::object{{"summary", "udp"},
                                         {"destination", "192.0.2.3:53"},
                                         {"datagrams", 2U},
                                         {"sent", 30U},
                                         {"received", 100U},
                                         {"refused", 0U},
                                         {"reasons", boost::json::object()}}));
  EXPECT_EQ(all[2].at("connections"), 2U);
  EXPECT_EQ(all[2].at("sent"), 15U);
  EXPECT_EQ(all[2].at("received"), 25U);
  EXPECT_EQ(all[2].at("reasons"), boost::json::object()) << "the application itself wanted no more";
}

TEST(Summary, RefusedSaysWhyAndBrokenOffLaterIsNoRefusal) {
  Summary summary;
  end(summary, to(1), {0, 0, false}, Reason::refused);
  end(summary, to(1), {0, 0, false}, Reason::denied);
  end(summary, to(1), {7, 0}, Reason::peer_reset);
  summary.refused(to(1), Reason::network_unreachable);
  const auto row = rows(summary).at(0);
  EXPECT_EQ(row.at("connections"), 1U);
  EXPECT_EQ(row.at("refused"), 3U);
  const boost::json::object why{
      {"connection refused", 1U}, {"network unreachable", 1U}, {"connection reset", 1U}, {"denied by the far end", 1U}};
  EXPECT_EQ(row.at("reasons"), why);
  const auto table = summary.text(false);
  EXPECT_NE(table.find("denied by the far end: 1"), std::string::npos) << table;
}

TEST(Summary, ManyDestinationsAreCountedTogether) {
  Summary summary;
  for (unsigned i = 0; i < 10'000; ++i) end(summary, to(1, static_cast<std::uint16_t>(i + 1)), {1, 0});
  const auto all = rows(summary);
  ASSERT_EQ(all.size(), 101U);
  EXPECT_EQ(all.back().at("destination"), "others");
  std::uint64_t sum = 0;
  for (const auto& row : all) sum += row.at("connections").to_number<std::uint64_t>();
  EXPECT_EQ(sum, 10'000U);
}

TEST(Summary, ConnectionThatWasGivenUpBeforeItWasMadeIsNeitherMadeNorRefused) {
  Summary summary;
  end(summary, to(1), {0, 0, false});
  end(summary, to(1), {0, 0, false}, Reason::cancelled);
  end(summary, to(1), {0, 0, false}, Reason::refused);
  const auto all = rows(summary);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].at("connections"), 0U);
  EXPECT_EQ(all[0].at("refused"), 1U);
}

}  // namespace
}  // namespace tfunnel::client
