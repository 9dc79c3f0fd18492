// Addresses that stand for names.
#include "proxy/names/virtual_names.hpp"

#include <gtest/gtest.h>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {
namespace {

using proxy::VirtualNames;
using std::chrono::seconds;

class VirtualNamesTest : public testing::Test {
 protected:
  VirtualNames& make(std::size_t names, std::uint32_t addresses, std::set<core::Address> taken = {}) {
    VirtualNames::Limits limits;
    limits.names = names;
    limits.addresses = addresses;
    limits.keep = seconds(100);
    limits.time_to_live = seconds(30);
    made_.emplace(std::move(taken), limits, [this] { return now_; });
    return *made_;
  }
  static core::Address address(const std::string& text) { return *core::Address::parse(text); }

  core::Time now_{std::chrono::hours(1)};
  std::optional<VirtualNames> made_;
};

TEST_F(VirtualNamesTest, SameNameKeepsItsAddressesAndTwoNamesHaveTwo) {
  auto& names = make(10, 10);
  const auto first = names.assign("a.example");
  const auto second = names.assign("b.example");
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->v4, second->v4);
  EXPECT_NE(first->v6, second->v6);
  now_ += std::chrono::hours(1000);
  EXPECT_EQ(names.assign("a.example"), first) << "its place was not needed";
  EXPECT_EQ(names.name_of(first->v4), "a.example");
  EXPECT_EQ(names.name_of(first->v6), "a.example");
  EXPECT_EQ(names.name_of(second->v6), "b.example");
}

TEST_F(VirtualNamesTest, PoolIsPartOfItsRangesOnly) {
  VirtualNames names({});
  for (std::size_t i = 0; i < 2000; ++i) {
    const auto addresses = names.assign("n" + std::to_string(i) + ".example");
    ASSERT_TRUE(addresses);
    const auto bytes = addresses->v4.v4_bytes();
    ASSERT_TRUE(bytes[0] == 198 && bytes[1] == 19 && bytes[3] != 0 && bytes[3] != 255) << addresses->v4.text();
    ASSERT_TRUE(addresses->v6.text().starts_with("fd0b:7edb:898f:2aef:")) << addresses->v6.text();
    ASSERT_TRUE(names.is_virtual(addresses->v4) && names.is_virtual(addresses->v6));
  }
  for (const auto* other : {"198.18.0.1", "198.18.0.2", "198.18.0.53", "198.20.0.1", "fd00:7466::53", "fd00:7466::2",
                            "2001:2::1", "fd0b:7edb:898f:2aee::1", "::1", "127.0.0.1"}) {
    EXPECT_FALSE(names.is_virtual(address(other))) << other;
  }
}

TEST_F(VirtualNamesTest, AddressesWithoutANameAreOfThePoolAllTheSame) {
  auto& names = make(10, 10);
  ASSERT_TRUE(names.assign("a.example"));
  for (const auto* nobody : {"198.19.0.0", "198.19.0.255", "198.19.0.2", "198.19.255.254",
                             "fd0b:7edb:898f:2aef::", "fd0b:7edb:898f:2aef::2", "fd0b:7edb:898f:2aef:1::1"}) {
    EXPECT_TRUE(names.is_virtual(address(nobody))) << nobody;
    EXPECT_FALSE(names.name_of(address(nobody))) << nobody;
    EXPECT_EQ(names.flow_to(address(nobody)), nullptr) << nobody;
  }
}

TEST_F(VirtualNamesTest, AddressThatMeansSomethingElseIsNeverGivenOut) {
  auto& names = make(10, 3, {address("198.19.0.1"), address("fd0b:7edb:898f:2aef::2")});
  EXPECT_FALSE(names.is_virtual(address("198.19.0.1")));
  EXPECT_EQ(names.assign("a.example")->v4, address("198.19.0.3"));
  EXPECT_FALSE(names.assign("b.example"));
}

TEST_F(VirtualNamesTest, LongestUnusedGoesFirst) {
  auto& names = make(2, 10);
  const auto first = names.assign("a.example");
  now_ += seconds(1);
  const auto second = names.assign("b.example");
  now_ += seconds(200);
  ASSERT_TRUE(names.assign("a.example"));
  now_ += seconds(1);
  ASSERT_TRUE(names.assign("c.example"));
  EXPECT_EQ(names.name_of(first->v4), "a.example");
  EXPECT_FALSE(names.name_of(second->v4));
  EXPECT_EQ(names.size(), 2U);
}

TEST_F(VirtualNamesTest, WhatWasUsedOfLateIsKeptAndTheNewNameGetsNothing) {
  auto& names = make(2, 10);
  const auto first = names.assign("a.example");
  ASSERT_TRUE(names.assign("b.example"));
  now_ += seconds(99);
  EXPECT_FALSE(names.assign("c.example"));
  EXPECT_EQ(names.name_of(first->v4), "a.example");
  now_ += seconds(1);
  EXPECT_TRUE(names.assign("c.example"));
}

TEST_F(VirtualNamesTest, NewNameTakesThePlaceOfOneThatNobodyUsedForAMinute) {
  const VirtualNames::Limits limits;
  VirtualNames names({}, limits, [this] { return now_; });
  for (std::size_t i = 0; i < limits.names; ++i) ASSERT_TRUE(names.assign("n" + std::to_string(i) + ".example"));
  now_ += std::chrono::minutes(1);
  const auto used = names.assign("n0.example");
  const auto busy = names.assign("n1.example");
  const auto flow = names.flow_to(busy->v4);
  now_ += seconds(10);
  for (std::size_t i = 2; i < limits.names; ++i) ASSERT_TRUE(names.assign("m" + std::to_string(i) + ".example")) << i;
  EXPECT_FALSE(names.assign("one.more.example")) << "by now all are in use";
  EXPECT_EQ(names.name_of(used->v4), "n0.example");
  EXPECT_EQ(names.name_of(busy->v4), "n1.example");
  EXPECT_EQ(names.size(), limits.names);
}

TEST_F(VirtualNamesTest, NameWithAFlowIsNeverForgotten) {
  auto& names = make(2, 2);
  const auto first = names.assign("a.example");
  auto flow = names.flow_to(first->v4);
  auto another = names.flow_to(first->v6);
  ASSERT_TRUE(names.assign("b.example"));
  for (int i = 0; i < 5; ++i) {
    now_ += std::chrono::hours(10);
    ASSERT_TRUE(names.assign("n" + std::to_string(i) + ".example")) << "in b's place";
    ASSERT_EQ(names.name_of(first->v4), "a.example");
  }
  flow.reset();
  now_ += std::chrono::hours(10);
  ASSERT_TRUE(names.assign("c.example"));
  EXPECT_EQ(names.name_of(first->v4), "a.example") << "the other flow is still there";
  another.reset();
  now_ += seconds(50);
  EXPECT_FALSE(names.assign("d.example")) << "flows that ended a moment ago are a use";
  now_ += seconds(50);
  ASSERT_TRUE(names.assign("d.example"));
  now_ += seconds(100);
  ASSERT_TRUE(names.assign("e.example"));
  EXPECT_NE(names.name_of(first->v4), "a.example");
}

TEST_F(VirtualNamesTest, EveryPlaceTakenByFlowsIsFull) {
  auto& names = make(10, 2);
  const auto a = names.flow_to(names.assign("a.example")->v4);
  const auto b = names.flow_to(names.assign("b.example")->v6);
  now_ += std::chrono::hours(10);
  EXPECT_FALSE(names.assign("c.example"));
  EXPECT_TRUE(names.assign("a.example")) << "who has a place keeps it";
}

TEST_F(VirtualNamesTest, EveryFarEndGivesANameTheSameAddresses) {
  VirtualNames one({});
  VirtualNames other({});
  ASSERT_TRUE(other.assign("x.example"));
  EXPECT_EQ(one.assign("www.example.com"), other.assign("www.example.com"));
  EXPECT_EQ(one.assign("www.example.com")->v4, address("198.19.196.92")) << "other releases, too";
}

TEST_F(VirtualNamesTest, NamesThatWantTheSamePlaceGetTwo) {
  auto& names = make(50, 50);
  std::set<core::Address> all;
  for (int i = 0; i < 50; ++i) all.insert(names.assign("n" + std::to_string(i) + ".example")->v4);
  EXPECT_EQ(all.size(), 50U);
}

TEST_F(VirtualNamesTest, AddressThatAnotherFarEndGaveIsTakenOverWithItsNameOnly) {
  VirtualNames other({});
  const auto given = *other.assign("www.example.com");
  VirtualNames names({});
  EXPECT_FALSE(names.adopt("attacker.example", given.v4));
  EXPECT_FALSE(names.adopt("www.example.com", address("192.0.2.1")));
  EXPECT_FALSE(names.name_of(given.v4));
  EXPECT_TRUE(names.adopt("www.example.com", given.v6));
  EXPECT_EQ(names.name_of(given.v4), "www.example.com");
  EXPECT_FALSE(names.current("www.example.com")) << "whether it has a real answer is not known here";
  EXPECT_FALSE(names.adopt("www.example.com", given.v4)) << "it has its name";
}

TEST_F(VirtualNamesTest, RealAnswersAreLookedForAgainAfterATimeToLive) {
  auto& names = make(10, 10);
  EXPECT_FALSE(names.current("a.example"));
  const auto addresses = names.assign("a.example");
  now_ += seconds(29);
  EXPECT_EQ(names.current("a.example"), addresses);
  now_ += seconds(1);
  EXPECT_FALSE(names.current("a.example")) << "asking did not prolong it";
  EXPECT_EQ(names.assign("a.example"), addresses);
  names.has_real_answer("a.example");
  EXPECT_FALSE(names.current("a.example"));
  EXPECT_EQ(names.name_of(addresses->v4), "a.example") << "programs still use the address";
}

}  // namespace
}  // namespace tfunnel::test
