#include "common/core/address.hpp"

#include <gtest/gtest.h>

#include <unordered_set>

#include "common/core/reason.hpp"
#include "proto/tunnel.pb.h"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::Address;

TEST(Address, TextSurvivesTheRoundTrip) {
  for (const auto* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::ff"}) {
    EXPECT_EQ(Address::parse(text)->text(), text);
  }
}

TEST(Address, WireFormSurvivesTheRoundTrip) {
  for (const auto* text : {"192.0.2.1", "2001:db8::ff", "::"}) {
    const auto address = Address::parse(text).value();
    EXPECT_EQ(Address::from_wire(address.wire()), address);
    EXPECT_EQ(address.wire().size(), address.is_v4() ? 4U : 16U);
  }
}

TEST(Address, LoopbackIsTheWholeNetwork) {
  for (const auto* text : {"127.0.0.1", "127.255.0.53", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(Address::parse(text)->is_loopback()) << text;
  }
  for (const auto* text : {"0.0.0.0", "128.0.0.1", "::", "::2", "fe80::1"}) {
    EXPECT_FALSE(Address::parse(text)->is_loopback()) << text;
  }
}

TEST(Address, MappedAddressIsTreatedAsIpv4) {
  const auto mapped = Address::parse("::ffff:192.0.2.1").value();
  EXPECT_EQ(mapped, Address::parse("192.0.2.1"));
  EXPECT_TRUE(mapped.is_v4());
  EXPECT_EQ(mapped.v4_bytes(), (Address::V4Bytes{192, 0, 2, 1}));
}

TEST(Address, NonsenseIsNone) {
  for (const auto* text : {"", "1.2.3", "1.2.3.4.5", "256.0.0.1", "host", "2001:db8::1::", "[::1]", "::1%lo"}) {
    EXPECT_FALSE(Address::parse(text).has_value()) << text;
  }
  for (const std::size_t length : {0U, 3U, 5U, 17U}) EXPECT_FALSE(Address::from_wire(std::string(length, 'z')));
}

TEST(Endpoint, Ipv6IsBracketedSoThatThePortIsClear) {
  EXPECT_EQ(endpoint("192.0.2.1", 80).text(), "192.0.2.1:80");
  EXPECT_EQ(endpoint("2001:db8::1", 80).text(), "[2001:db8::1]:80");
}

TEST(Endpoint, DifferentEndpointsDifferAndHashApart) {
  std::unordered_set<core::Endpoint> set;
  for (std::uint16_t port = 1; port <= 1000; ++port) {
    set.insert(endpoint("192.0.2.1", port));
    set.insert(endpoint("2001:db8::1", port));
  }
  EXPECT_EQ(set.size(), 2000U);
}

TEST(Reason, EachHasAName) {
  for (int value = 0; value < wire::Reason_ARRAYSIZE; ++value)
    EXPECT_FALSE(name(core::reason_from_wire(value)).empty());
}

TEST(Reason, OneOfANewerPeerIsUnspecified) {
  EXPECT_EQ(core::reason_from_wire(wire::Reason_ARRAYSIZE), core::Reason::unspecified);
  EXPECT_EQ(core::reason_from_wire(-1), core::Reason::unspecified);
  EXPECT_EQ(core::reason_from_wire(wire::REASON_DENIED), core::Reason::denied);
}

}  // namespace
}  // namespace tfunnel::test
