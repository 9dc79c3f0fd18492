// Bytes that are put into a batch come out in order, however many the link takes at a time.
#include "common/core/batch.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::Batch;

Bytes content(const Batch& batch) {
  Bytes bytes;
  for (const auto piece : batch.pieces()) append(bytes, piece);
  EXPECT_EQ(bytes.size(), batch.size());
  return bytes;
}

bool add_data(Batch& batch, core::FlowId flow, const Bytes& payload) {
  const auto room = batch.data_room(payload.size());
  if (room.size() < payload.size()) return false;
  std::ranges::copy(payload, room.begin());
  batch.commit_data(flow, payload.size());
  return true;
}

wire::Frame ping() {
  wire::Frame frame;
  frame.mutable_ping()->set_token(7);
  return frame;
}

wire::Frame data_of(core::FlowId flow, const Bytes& payload) {
  wire::Frame frame;
  frame.mutable_data()->set_flow(flow);
  frame.mutable_data()->set_payload(std::string(payload.begin(), payload.end()));
  return frame;
}

Bytes fill(Batch& batch) {
  EXPECT_TRUE(batch.add_raw(bytes_of("raw")));
  EXPECT_TRUE(add_data(batch, 1, pattern(40)));
  EXPECT_TRUE(batch.add_control(ping()));
  EXPECT_TRUE(batch.add_datagram(3, endpoint("192.0.2.1", 5), pattern(10)));
  EXPECT_TRUE(add_data(batch, 300, pattern(200)));
  return content(batch);
}

TEST(Batch, FramesComeOutAsTheyWentIn) {
  Batch batch;
  wire::Frame datagram;
  datagram.mutable_datagram()->set_flow(3);
  core::endpoint_to_wire(endpoint("192.0.2.1", 5), *datagram.mutable_datagram()->mutable_peer());
  const auto payload = pattern(10);
  datagram.mutable_datagram()->set_payload(std::string(payload.begin(), payload.end()));
  EXPECT_EQ(fill(batch), bytes_of("raw") + delimited(data_of(1, pattern(40))) + delimited(ping()) +
                             delimited(datagram) + delimited(data_of(300, pattern(200))));
}

TEST(Batch, PartialWritesAtEveryOffsetLoseNothing) {
  Batch first;
  const auto all = fill(first);
  for (std::size_t n = 0; n <= all.size(); ++n) {
    Batch batch;
    fill(batch);
    batch.consume(n);
    const Bytes rest(all.begin() + static_cast<std::ptrdiff_t>(n), all.end());
    ASSERT_EQ(content(batch), rest) << n;
    // A batch that still waits for the link may get more.
    ASSERT_TRUE(batch.add_control(ping()));
    ASSERT_EQ(content(batch), rest + delimited(ping())) << n;
  }
}

TEST(Batch, ByteByByteWritesEndWithAnEmptyBatch) {
  Batch batch;
  for (auto left = fill(batch).size(); left > 0; --left) {
    ASSERT_EQ(batch.size(), left);
    batch.consume(1);
  }
  EXPECT_TRUE(batch.empty());
  EXPECT_TRUE(batch.pieces().empty());
}

TEST(Batch, FullBatchRefusesAndStaysAsItWas) {
  Batch batch(nullptr, 200);
  ASSERT_TRUE(add_data(batch, 1, pattern(100)));
  const auto before = content(batch);
  EXPECT_FALSE(batch.add_datagram(1, endpoint("192.0.2.1", 5), pattern(100)));
  EXPECT_FALSE(batch.add_raw(pattern(200)));
  EXPECT_LT(batch.data_room(1000).size(), 100U);
  EXPECT_EQ(content(batch), before);
}

TEST(Batch, RoomIsWholeAgainOnceAllIsWritten) {
  Batch batch(nullptr, 1000);
  const auto whole = batch.data_room(5000).size();
  while (!batch.data_room(1).empty()) ASSERT_TRUE(add_data(batch, 1, pattern(1)));
  batch.consume(batch.size());
  EXPECT_EQ(batch.data_room(5000).size(), whole);
}

TEST(Batch, ManySmallPiecesFillItWithoutOverflow) {
  Batch batch;
  std::size_t added = 0;
  while (add_data(batch, 1, pattern(1))) ++added;
  EXPECT_GT(added, 100U);
  EXPECT_FALSE(batch.add_raw(pattern(1)));
  EXPECT_EQ(content(batch).size(), added * delimited(data_of(1, pattern(1))).size());
}

TEST(Batch, LargestDatagramFits) {
  Batch batch;
  EXPECT_TRUE(batch.add_datagram(0xffff'ffffU, endpoint("2001:db8::1", 65'535), pattern(core::max_datagram_payload)));
}

/// A stage that gets what the test says.
struct FakeStage final : core::PayloadStage {
  boost::system::result<std::size_t> take(int descriptor, std::size_t most) override {
    asked = {descriptor, most};
    return answer;
  }
  std::pair<int, std::size_t> asked;
  boost::system::result<std::size_t> answer = std::size_t{0};
};

TEST(Batch, LengthIsPromisedOfWhatCameOntoTheStageNotOfWhatWasWanted) {
  FakeStage stage;
  stage.answer = std::size_t{70'000};
  Batch batch(&stage);
  ASSERT_TRUE(batch.moves());
  EXPECT_EQ(batch.move_data(5, 9, 100'000).value(), 70'000U);
  EXPECT_EQ(stage.asked, std::pair(9, std::size_t{100'000}));
  EXPECT_EQ(batch.staged(), 70'000U);
  std::array<std::uint8_t, core::max_data_header> header{};
  const auto size = core::write_data_header(header.data(), 5, 70'000);
  ASSERT_EQ(batch.pieces().size(), 1U);
  EXPECT_TRUE(std::ranges::equal(batch.pieces()[0], std::span(header).first(size)));
  EXPECT_FALSE(batch.add_control(ping())) << "nothing may come between a header and its payload";
}

TEST(Batch, NothingIsPromisedWhenNothingCouldBeMoved) {
  FakeStage stage;
  stage.answer = boost::system::error_code(EAGAIN, boost::system::generic_category());
  Batch batch(&stage);
  EXPECT_EQ(batch.move_data(5, 9, 100'000).error().value(), EAGAIN);
  EXPECT_TRUE(batch.empty());
  EXPECT_TRUE(batch.add_control(ping()));
}

}  // namespace
}  // namespace tfunnel::test
