// Destinations that the far end's host has no route to are refused, and nothing else.
#include "common/core/reach.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using core::Network;
using core::Reach;

Network network(const char* text, unsigned prefix) { return Network::of(address_of(text), prefix); }

TEST(Network, BitsBeyondThePrefixDoNotCount) {
  EXPECT_EQ(network("192.0.2.77", 24), network("192.0.2.0", 24));
  EXPECT_EQ(network("2001:db8:ffff::1", 33), network("2001:db8:8000::", 33));
  EXPECT_EQ(network("203.0.113.9", 0).prefix(), 0U);
  EXPECT_EQ(network("203.0.113.9", 32).prefix(), 32U);
}

TEST(Reach, MappedAddressIsNoNetworkOfTheOtherFamily) {
  wire::Families families;
  auto* const one = families.mutable_ipv6()->add_networks();
  one->set_address(std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", 16));
  one->set_prefix(128);
  EXPECT_EQ(core::reach_from_wire(families), std::nullopt);
}

TEST(Reach, NothingKnownExcludesNothing) {
  const Reach reach;
  EXPECT_FALSE(reach.excludes(address_of("192.0.2.1")));
  EXPECT_FALSE(reach.excludes(address_of("2001:db8::1")));
}

TEST(Reach, FamilyWithoutNetworksIsExcludedAndTheOtherIsNot) {
  const Reach reach{.v4 = Reach::Networks{}, .v6 = std::nullopt};
  EXPECT_TRUE(reach.excludes(address_of("192.0.2.1")));
  EXPECT_FALSE(reach.excludes(address_of("2001:db8::1")));
}

TEST(Reach, HostWithALanOnlyReachesItsLan) {
  const Reach reach{.v4 = Reach::Networks{network("0.0.0.0", 0)}, .v6 = Reach::Networks{network("fd12:3456::", 48)}};
  EXPECT_FALSE(reach.excludes(address_of("203.0.113.1")));
  EXPECT_FALSE(reach.excludes(address_of("fd12:3456::7")));
  EXPECT_TRUE(reach.excludes(address_of("2001:db8::1")));
}

TEST(Reach, NetworksWithinOthersAreLeftOutAndTooManyMeanThatNothingIsKnown) {
  EXPECT_EQ(core::limited({network("10.1.0.0", 16), network("10.0.0.0", 8), network("10.1.0.0", 16)}),
            Reach::Networks{network("10.0.0.0", 8)});
  Reach::Networks many;
  for (unsigned char i = 0; i < Reach::most_networks; ++i) {
    many.push_back(Network::of(core::Address::v4({10, 0, i, 0}), 24));
  }
  EXPECT_EQ(core::limited(many)->size(), Reach::most_networks);
  many.push_back(network("192.0.2.0", 24));
  EXPECT_EQ(core::limited(many), std::nullopt);
  many.push_back(network("0.0.0.0", 0));
  EXPECT_EQ(core::limited(many), Reach::Networks{network("0.0.0.0", 0)});
}

TEST(Reach, OfTwoFarEndsIsWhatOneOfThemReaches) {
  const Reach one{.v4 = Reach::Networks{network("10.0.0.0", 8)}, .v6 = Reach::Networks{}};
  const Reach other{.v4 = Reach::Networks{network("192.0.2.0", 24)}, .v6 = std::nullopt};
  const auto both = one.with(other);
  EXPECT_FALSE(both.excludes(address_of("10.0.0.1")));
  EXPECT_FALSE(both.excludes(address_of("192.0.2.1")));
  EXPECT_TRUE(both.excludes(address_of("203.0.113.1")));
  EXPECT_FALSE(both.excludes(address_of("2001:db8::1"))) << "nobody knows what the other one reaches";
}

TEST(Reach, TravelsAsItIs) {
  for (const auto& reach : {Reach(), Reach{Reach::Networks{}, std::nullopt},
                            Reach{Reach::Networks{network("0.0.0.0", 0), network("192.0.2.1", 32)},
                                  Reach::Networks{network("::", 0), network("2001:db8::", 32)}}}) {
    wire::Families families;
    core::reach_to_wire(reach, families);
    EXPECT_EQ(core::reach_from_wire(families), reach);
  }
}

TEST(Reach, NetworkThatMakesNoSenseIsRefused) {
  const auto read = [](bool is_v4, const std::string& address, unsigned prefix) {
    wire::Families families;
    auto& network = *(is_v4 ? families.mutable_ipv4() : families.mutable_ipv6())->add_networks();
    network.set_address(address);
    network.set_prefix(prefix);
    return core::reach_from_wire(families).has_value();
  };
  const std::string four(4, '\1');
  const std::string sixteen(16, '\1');
  EXPECT_TRUE(read(true, four, 32) && read(false, sixteen, 128));
  EXPECT_FALSE(read(true, four, 33) || read(false, sixteen, 129) || read(true, four, 0xffff'ffff));
  EXPECT_FALSE(read(true, sixteen, 8) || read(false, four, 8) || read(true, "", 0) || read(false, "x", 0));
}

}  // namespace
}  // namespace tfunnel::test
