// Messages come out of a stream whole, in any pieces.
#include "proxy/dns/dns_framing.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using proxy::dns::framed;
using proxy::dns::Framing;
using State = Framing::State;

std::vector<Bytes> messages_in(const Bytes& stream, std::size_t piece, State* last = nullptr) {
  Framing framing;
  std::vector<Bytes> messages;
  for (std::size_t at = 0; at < stream.size() && framing.state() != State::broken;) {
    const auto rest = core::ByteView(stream).subspan(at);
    at += framing.feed(rest.first(std::min(piece, rest.size())));
    if (framing.state() == State::whole) messages.push_back(framing.take());
  }
  if (last != nullptr) *last = framing.state();
  return messages;
}

TEST(DnsFraming, MessagesComeWholeInAnyPieces) {
  const std::vector<Bytes> sent{dns_query("a.example"), pattern(12), pattern(65'535), dns_query("b.example")};
  Bytes stream;
  for (const auto& message : sent) append(stream, framed(message));
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U, 70'000U, 200'000U})
    EXPECT_EQ(messages_in(stream, piece), sent);
}

TEST(DnsFraming, MessageTooShortForAHeaderBreaksTheStream) {
  for (std::size_t size = 0; size < 12; ++size) {
    State last{};
    EXPECT_TRUE(messages_in(framed(pattern(size)) + framed(pattern(20)), 1, &last).empty());
    EXPECT_EQ(last, State::broken);
  }
}

TEST(DnsFraming, UnfinishedMessageIsNoMessage) {
  const auto stream = framed(pattern(100));
  for (std::size_t size = 0; size < stream.size(); ++size)
    EXPECT_TRUE(messages_in(Bytes(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size)), 1).empty());
}

}  // namespace
}  // namespace tfunnel::test
