// When a tunnel that is to end may go: not before all is delivered, not for ever, and never with a loss untold.
#include "common/core/drain.hpp"

#include <gtest/gtest.h>

#include "common/core/last_call.hpp"
#include "tests/unit/support/bytes.hpp"
#include "tests/unit/support/time.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;
using core::Drain;
using core::LastCall;
using core::Undelivered;

Drain::Facts left(std::uint64_t bytes, std::uint64_t position = 0) {
  Drain::Facts facts;
  facts.left.bytes = bytes;
  facts.position = position;
  return facts;
}

Drain::Facts unconfirmed(bool is_cut) {
  Drain::Facts facts;
  facts.unconfirmed = 5s;
  facts.unconfirmed_is_cut = is_cut;
  return facts;
}

TEST(Drain, GoesAtOnceWhenNothingIsLeft) {
  EXPECT_EQ(Drain({}, start).look(start, {}), core::Drain::Verdict::delivered);
}

TEST(Drain, StaysAsLongAsThereIsProgressHoweverSlow) {
  Drain drain({.linger = 10s}, start);
  for (int i = 1; i < 100; ++i) {
    const auto verdict = drain.look(start + i * 9s, left(1000, static_cast<std::uint64_t>(i)));
    EXPECT_EQ(verdict, i == 1 ? core::Drain::Verdict::tell : core::Drain::Verdict::wait) << i;
  }
  EXPECT_EQ(drain.look(start + 900s, {}), core::Drain::Verdict::delivered);
}

TEST(Drain, GivesUpWithoutProgressAndSaysThatItIsCut) {
  Drain drain({.linger = 10s}, start);
  drain.look(start, left(7));
  drain.look(start + 5s, left(5, 1));
  EXPECT_EQ(drain.look(start + 14s, left(5, 1)), core::Drain::Verdict::wait);
  EXPECT_EQ(drain.look(start + 15s, left(5, 1)), core::Drain::Verdict::cut);
}

TEST(Drain, ConnectionsEndsAndDatagramsAreWaitedForLikeBytes) {
  for (const auto& one : {Undelivered{.connections = 1}, Undelivered{.datagrams = 1}}) {
    Drain drain({}, start);
    Drain::Facts facts;
    facts.left = one;
    EXPECT_EQ(drain.look(start + 1s, facts), core::Drain::Verdict::wait);
  }
}

TEST(Drain, TellsOnceAndNotBeforeSomebodyWonders) {
  Drain drain({}, start);
  EXPECT_EQ(drain.look(start + 1999ms, left(1)), core::Drain::Verdict::wait);
  EXPECT_EQ(drain.look(start + 2s, left(1)), core::Drain::Verdict::tell);
  EXPECT_EQ(drain.look(start + 3s, left(1)), core::Drain::Verdict::wait);
}

TEST(Drain, AskedAgainItGivesUp) {
  Drain drain({}, start);
  drain.look(start, left(1));
  drain.hurry(start + 1s);
  EXPECT_EQ(drain.look(start + 1s, left(1)), core::Drain::Verdict::cut);
}

TEST(Drain, AskedTwiceAtOnceIsAskedOnce) {
  Drain drain({}, start);
  drain.hurry(start + 10ms);
  EXPECT_EQ(drain.look(start + 10ms, left(1)), core::Drain::Verdict::wait);
}

TEST(Drain, HurriedWithNothingLeftHasCutNothing) {
  Drain drain({}, start);
  drain.hurry(start + 1s);
  EXPECT_EQ(drain.look(start + 1s, {}), core::Drain::Verdict::delivered);
}

TEST(Drain, FarEndThatDoesNotConfirmIsWaitedForAsLongAsItMay) {
  for (const bool is_cut : {false, true}) {
    Drain drain({}, start);
    EXPECT_EQ(drain.look(start, unconfirmed(is_cut)), core::Drain::Verdict::wait);
    EXPECT_EQ(drain.look(start + 5s, unconfirmed(is_cut)),
              is_cut ? core::Drain::Verdict::cut : core::Drain::Verdict::delivered);
  }
}

TEST(Drain, LingerBoundsTheWaitForAnAnswerToo) {
  Drain drain({.linger = 1s}, start);
  drain.look(start, unconfirmed(true));
  EXPECT_EQ(drain.look(start + 1s, unconfirmed(true)), core::Drain::Verdict::cut);
}

TEST(LastCall, IdleConnectionHoldsNobodyUp) {
  LastCall call(LastCall::Terms::what_was_sent, 0);
  EXPECT_FALSE(call.look(start, 0, false));
  EXPECT_FALSE(call.look(start + LastCall::silence - 1ms, 0, false));
  EXPECT_TRUE(call.look(start + LastCall::silence, 0, false));
  EXPECT_EQ(call.allowance(), 0U);
}

TEST(LastCall, WhatComesInTimeBreaksTheSilence) {
  LastCall call(LastCall::Terms::what_was_sent, 0);
  call.look(start, 0, false);
  call.read(10);
  EXPECT_FALSE(call.look(start + LastCall::silence, 0, false));
}

TEST(LastCall, WaitingBytesCountHoweverLongTheyWait) {
  LastCall call(LastCall::Terms::what_was_sent, 10);
  call.look(start, 10, false);
  EXPECT_FALSE(call.look(start + 1h, 10, false));
}

TEST(LastCall, ApplicationThatWritesForEverDoesNotKeepTheTunnel) {
  LastCall call(LastCall::Terms::what_was_sent, 100'000);
  std::size_t read = 0;
  while (!call.look(start, 100'000, false)) {
    const auto part = std::min<std::size_t>(call.allowance(), 65'536);
    ASSERT_GT(part, 0U);
    call.read(part);
    read += part;
  }
  EXPECT_EQ(read, 100'000 + LastCall::sender_holds);
  EXPECT_EQ(call.allowance(), 0U);
}

TEST(LastCall, ClosedConnectionCountsToItsEndHoweverMuchThatIs) {
  LastCall call(LastCall::Terms::what_was_sent, 0);
  for (int i = 0; i < 8; ++i) call.read(1U << 20);
  EXPECT_FALSE(call.look(start, 1000, true));
  EXPECT_GT(call.allowance(), 1000U);
}

TEST(LastCall, ApplicationsThatAreGoneAreReadToTheirEnd) {
  LastCall call(LastCall::Terms::all, 0);
  EXPECT_FALSE(call.look(start, 0, false));
  EXPECT_FALSE(call.look(start + 1h, 0, false));
  EXPECT_GT(call.allowance(), 1U << 30);
}

TEST(Undelivered, SumKnowsWhereMostOfItGoes) {
  Undelivered sum;
  sum += {.bytes = 10, .connections = 1, .destination = endpoint("192.0.2.1", 1)};
  sum += {.bytes = 1000, .connections = 1, .destination = endpoint("192.0.2.2", 2)};
  sum += {.bytes = 20, .connections = 1, .destination = endpoint("192.0.2.3", 3)};
  EXPECT_EQ(sum.text(), "1030 bytes of 3 connections, most of it to 192.0.2.2:2");
}

TEST(Undelivered, OneDestinationIsAllOfIt) {
  const auto to = endpoint("192.0.2.1", 1);
  Undelivered sum;
  sum += {.bytes = 10, .connections = 1, .destination = to};
  sum += {.bytes = 1000, .destination = to};
  EXPECT_EQ(sum.text(), "1010 bytes to 192.0.2.1:1");
}

TEST(Undelivered, IsToldInWords) {
  const auto to = endpoint("192.0.2.1", 80);
  EXPECT_EQ((Undelivered{.bytes = 5, .connections = 1, .destination = to}.text()), "5 bytes to 192.0.2.1:80");
  EXPECT_EQ((Undelivered{.connections = 1}.text()), "the end of a connection");
  EXPECT_EQ((Undelivered{.connections = 2, .datagrams = 1}.text()), "2 connections' ends and a datagram");
}

}  // namespace
}  // namespace tfunnel::test
