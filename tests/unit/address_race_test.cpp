// Which address of a host is tried when, and which was remembered.
#include <gtest/gtest.h>

#include <boost/asio/error.hpp>

#include "proxy/lookup/address_memory.hpp"
#include "proxy/lookup/address_race.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;
using proxy::AddressMemory;
using proxy::AddressRace;
using Addresses = std::vector<core::Address>;
namespace error = boost::asio::error;

Addresses addresses(const std::vector<const char*>& texts) {
  Addresses list;
  for (const auto* text : texts) list.push_back(*core::Address::parse(text));
  return list;
}

TEST(AddressRace, NextAddressIsTriedWhenTheFirstIsSilentForAQuarterOfASecond) {
  AddressRace race(2);
  EXPECT_EQ(race.next(start), 0U);
  EXPECT_EQ(race.next(start), std::nullopt);
  EXPECT_EQ(race.due(), start + 250ms);
  EXPECT_EQ(race.next(start + 249ms), std::nullopt);
  EXPECT_EQ(race.next(start + 250ms), 1U);
  EXPECT_EQ(race.due(), std::nullopt);
  EXPECT_EQ(race.next(start + 1h), std::nullopt);
}

TEST(AddressRace, SilentAddressesDoNotAddUp) {
  AddressRace race(5);
  auto now = start;
  for (std::size_t i = 0; i < AddressRace::most_open; ++i, now += 250ms) EXPECT_EQ(race.next(now), i);
  EXPECT_FALSE(race.crowded());
  EXPECT_EQ(race.next(now), std::nullopt) << "the next waits for longer";
  EXPECT_EQ(race.next(now + 2s), 3U);
  EXPECT_TRUE(race.crowded());
  race.given_up();
  EXPECT_FALSE(race.crowded());
  EXPECT_EQ(race.next(now + 2s), std::nullopt) << "nothing has failed";
  EXPECT_EQ(race.error(), error::timed_out);
}

TEST(AddressRace, NextAddressIsTriedAtOnceWhenOneFails) {
  AddressRace race(3);
  race.next(start);
  race.failed(error::connection_refused);
  EXPECT_EQ(race.next(start), 1U);
  EXPECT_EQ(race.next(start), std::nullopt);
  race.failed(error::connection_refused);
  EXPECT_EQ(race.next(start), 2U);
  EXPECT_FALSE(race.lost());
  race.failed(error::connection_refused);
  EXPECT_TRUE(race.lost());
}

TEST(AddressRace, ErrorIsTheFirstThatTellsOfTheHost) {
  AddressRace race(4);
  for (const boost::system::error_code error :
       {error::network_unreachable, error::connection_refused, error::host_unreachable, error::network_unreachable}) {
    race.next(start);
    race.failed(error);
  }
  EXPECT_EQ(race.error(), error::connection_refused);
  AddressRace unreachable(1);
  unreachable.next(start);
  unreachable.failed(error::network_unreachable);
  EXPECT_EQ(unreachable.error(), error::network_unreachable);
}

TEST(AddressMemory, FamiliesTakeTurnsBeginningWithTheBest) {
  const AddressMemory memory;
  const auto list = addresses({"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2"});
  EXPECT_EQ(memory.arrange("host", list, start),
            addresses({"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"}));
  EXPECT_EQ(memory.arrange("host", {}, start), Addresses());
}

TEST(AddressMemory, WhatWorkedIsTriedFirst) {
  AddressMemory memory;
  const auto list = addresses({"2001:db8::1", "192.0.2.1", "192.0.2.2"});
  memory.worked("host", list[2], start);
  EXPECT_EQ(memory.arrange("host", list, start + 1h), addresses({"192.0.2.2", "2001:db8::1", "192.0.2.1"}));
  EXPECT_EQ(memory.arrange("other", list, start), list);
  memory.worked("host", list[1], start);
  EXPECT_EQ(memory.arrange("host", list, start).front(), list[1]);
  EXPECT_EQ(memory.arrange("host", addresses({"192.0.2.9"}), start), addresses({"192.0.2.9"}))
      << "what the name no longer has is not tried";
}

TEST(AddressMemory, WhatFailedIsTriedLastForAWhile) {
  AddressMemory memory;
  const auto list = addresses({"2001:db8::1", "192.0.2.1"});
  memory.worked("host", list[0], start);
  memory.failed("host", list[0], start);
  EXPECT_EQ(memory.arrange("host", list, start + 1s), addresses({"192.0.2.1", "2001:db8::1"}));
  EXPECT_EQ(memory.arrange("host", list, start + 1min), list);
  memory.failed("host", list[0], start);
  memory.worked("host", list[0], start);
  EXPECT_EQ(memory.arrange("host", list, start), list);
}

TEST(AddressMemory, IsBounded) {
  AddressMemory memory({.hosts = 3, .failures = 2});
  const auto list = addresses({"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  for (int i = 0; i < 3; ++i) memory.worked("host" + std::to_string(i), list[1], start + i * 1s);
  memory.worked("host0", list[1], start + 10s);
  memory.worked("new", list[1], start + 11s);
  EXPECT_EQ(memory.hosts(), 3U);
  EXPECT_EQ(memory.arrange("host0", list, start).front(), list[1]) << "used of late";
  EXPECT_EQ(memory.arrange("host1", list, start).front(), list[0]);
  for (int i = 0; i < 3; ++i) memory.failed("new", list[static_cast<std::size_t>(i)], start + i * 1s);
  EXPECT_EQ(memory.arrange("new", list, start + 3s).front(), list[0]) << "the oldest failure is forgotten";
}

}  // namespace
}  // namespace tfunnel::test
