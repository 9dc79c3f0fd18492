// Look-ups at nameservers that are slow, silent, or wrong.
#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "proxy/lookup/library_names.hpp"
#include "proxy/lookup/name_lookup.hpp"
#include "proxy/lookup/system_names.hpp"
#include "tests/integration/support/datagrams.hpp"
#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using Addresses = std::vector<core::Address>;

std::uint16_t type_of(const Bytes& query) { return query.size() < 4 ? 0 : query[query.size() - 3]; }

/// A nameserver that this test scripts, in a thread of its own.
class ScriptedNameserver {
 public:
  /// The answer to a query; empty: none.
  using Script = std::function<Bytes(const Bytes& query)>;

  explicit ScriptedNameserver(Script script) : script_(std::move(script)), thread_([this] { serve(); }) {}
  ~ScriptedNameserver() {
    auto last = bound_socket(SOCK_DGRAM);
    connect(last, endpoint());
    last.send(Bytes{0});
    thread_.join();
  }
  [[nodiscard]] core::Endpoint endpoint() const { return socket_.local(); }
  [[nodiscard]] std::size_t asked() const { return asked_; }

 private:
  void serve() {
    for (;;) {
      const auto letter = receive_letter(socket_);
      if (letter.payload.size() <= 1) return;
      ++asked_;
      const auto answer = script_(letter.payload);
      if (!answer.empty()) answer_letter(socket_, letter, answer);
    }
  }

  Socket socket_ = bound_socket(SOCK_DGRAM);
  std::atomic<std::size_t> asked_ = 0;
  Script script_;
  std::thread thread_;
};

Bytes address_record(const Bytes& query, const std::string& owner, std::uint32_t time_to_live) {
  if (type_of(query) != type_a) return dns_answer(query, {});
  return dns_answer(query, {{owner, type_a, time_to_live, Bytes{192, 0, 2, 1}}});
}

class Lookup : public testing::Test {
 protected:
  ~Lookup() override {
    std::filesystem::remove(resolv_conf);
    std::filesystem::remove(nsswitch);
  }

  void use(const ScriptedNameserver& server, const std::string& options = "", const std::string& services = "") {
    write(options);
    std::ofstream(nsswitch) << services;
    lookup = std::make_unique<proxy::NameLookup>(std::make_unique<proxy::SystemNames>(
        context, proxy::SystemNames::Settings{resolv_conf, nsswitch, {server.endpoint()}}));
  }
  void write(const std::string& options) {
    std::ofstream(resolv_conf) << options;
    std::filesystem::last_write_time(resolv_conf,
                                     std::filesystem::file_time_type::clock::now() + ++age * std::chrono::seconds(1));
  }
  /// A coroutine that asks; run() lets it.
  void ask(const std::string& name) {
    const auto wait = std::make_shared<proxy::NameLookup::Wait>(context);
    waits.push_back(wait);
    asio::spawn(
        context, [this, name, wait](asio::yield_context yield) { results.push_back(lookup->find(name, wait, yield)); },
        [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
  }
  void run() {
    context.restart();
    context.run();
  }

  const std::string resolv_conf = testing::TempDir() + "lookup." + std::to_string(::getpid());
  const std::string nsswitch = resolv_conf + ".nsswitch";
  int age = 0;
  asio::io_context context;
  std::unique_ptr<proxy::NameLookup> lookup;
  std::vector<std::shared_ptr<proxy::NameLookup::Wait>> waits;
  std::vector<result<Addresses>> results;
};

const Addresses expected{endpoint("192.0.2.1", 0).address};

TEST_F(Lookup, FiftyAtOnceAreOneQuestionOfEachFamily) {
  const ScriptedNameserver server([](const Bytes& query) { return address_record(query, "proxy.example", 60); });
  use(server);
  for (int i = 0; i < 50; ++i) ask("proxy.example");
  run();
  ASSERT_EQ(results.size(), 50U);
  for (const auto& found : results) EXPECT_EQ(found.value(), expected);
  EXPECT_EQ(server.asked(), 2U);
  ask("PROXY.example");
  run();
  EXPECT_EQ(results.back().value(), expected);
  EXPECT_EQ(server.asked(), 2U) << "the answer is kept";
}

TEST_F(Lookup, AnswerWithoutTimeToLiveIsAskedForAgain) {
  const ScriptedNameserver server([](const Bytes& query) { return address_record(query, "proxy.example", 0); });
  use(server);
  for (int i = 0; i < 2; ++i) {
    ask("proxy.example");
    run();
  }
  EXPECT_EQ(results.back().value(), expected);
  EXPECT_EQ(server.asked(), 4U);
}

// None holds up another: each is answered only when all have been asked for.
TEST_F(Lookup, DifferentNamesAreAskedForAtTheSameTime) {
  constexpr std::size_t names = 20;
  std::mutex mutex;
  std::set<Bytes> seen;
  const ScriptedNameserver server([&](const Bytes& query) {
    const std::lock_guard lock(mutex);
    seen.insert(Bytes(query.begin() + 2, query.end()));
    return seen.size() < 2 * names ? Bytes() : dns_answer(query, {}, 3);
  });
  use(server, "options timeout:1 attempts:5\n");
  for (std::size_t i = 0; i < names; ++i) ask(std::to_string(i) + ".example");
  run();
  EXPECT_EQ(results.size(), names);
}

TEST_F(Lookup, LostQuestionIsAskedAgain) {
  std::set<Bytes> seen;
  const ScriptedNameserver server([&](const Bytes& query) {
    return seen.insert(query).second ? Bytes() : address_record(query, "proxy.example", 60);
  });
  use(server, "options timeout:1 attempts:3\n");
  ask("proxy.example");
  run();
  EXPECT_EQ(results.at(0).value(), expected);
}

TEST_F(Lookup, NameserverThatNeverAnswersForIpv6HoldsNothingUp) {
  const ScriptedNameserver server([](const Bytes& query) {
    return type_of(query) == type_a ? address_record(query, "proxy.example", 60) : Bytes();
  });
  use(server, "options timeout:30 attempts:5\n");
  ask("proxy.example");
  context.restart();
  ASSERT_TRUE(eventually([&] { return context.poll(), !results.empty(); }));
  EXPECT_EQ(results.at(0).value(), expected);
}

TEST_F(Lookup, SilentNameserverIsSaid) {
  const ScriptedNameserver server([](const Bytes& /*query*/) { return Bytes(); });
  use(server, "options timeout:1 attempts:1\n");
  ask("proxy.example");
  run();
  EXPECT_EQ(results.at(0).error(), proxy::NameError::no_answer);
}

TEST_F(Lookup, UnknownNameIsSaid) {
  const ScriptedNameserver server([](const Bytes& query) { return dns_answer(query, {}, 3); });
  use(server);
  ask("proxy.example");
  run();
  EXPECT_EQ(results.at(0).error(), proxy::NameError::not_found);
}

TEST_F(Lookup, WhatIsNoHostNameIsNotAskedFor) {
  const ScriptedNameserver server([](const Bytes& query) { return dns_answer(query, {}, 3); });
  use(server);
  for (const auto* name : {"", "a b", "a\nb", "\xff.example", "hidden.onion"}) ask(name);
  run();
  EXPECT_EQ(results.size(), 5U);
  for (const auto& found : results) EXPECT_EQ(found.error(), proxy::NameError::not_found);
  EXPECT_EQ(server.asked(), 0U);
}

// "127.1" is an address to the C library alone, which so stands for a service that c-ares does not know.
TEST_F(Lookup, NameThatOnlyOtherServicesKnowIsFoundWhereThereAreSome) {
  if (!proxy::has_library_names) GTEST_SKIP() << "a static program does not ask the C library";
  const ScriptedNameserver server([](const Bytes& query) { return dns_answer(query, {}, 3); });
  use(server, "", "hosts: files dns [NOTFOUND=continue] myhostname\n");
  ask("127.1");
  run();
  EXPECT_EQ(results.at(0).value(), Addresses{endpoint("127.0.0.1", 0).address});
  EXPECT_GT(server.asked(), 0U) << "the nameservers come first";
  use(server, "", "hosts: files dns\n");
  ask("127.1");
  run();
  EXPECT_EQ(results.at(1).error(), proxy::NameError::not_found);
}

TEST_F(Lookup, OneWhoStopsWaitingLeavesTheOthersTheirAnswer) {
  std::atomic<bool> gone = false;
  const ScriptedNameserver server([&](const Bytes& query) {
    eventually([&] { return gone.load(); });
    return address_record(query, "proxy.example", 60);
  });
  use(server);
  ask("proxy.example");
  ask("proxy.example");
  asio::post(context, [&] {
    waits.front()->stop();
    gone = true;
  });
  run();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results.at(0).error(), asio::error::timed_out);
  EXPECT_EQ(results.at(1).value(), expected);
}

TEST_F(Lookup, ChangedFileIsReadAndOldAnswersForgotten) {
  const ScriptedNameserver server([](const Bytes& query) {
    const bool is_inner = query.size() > 13 && query[13] == 'p' && query[19] == 'i';
    return is_inner ? address_record(query, "proxy.inner.example", 60) : dns_answer(query, {}, 3);
  });
  use(server, "search outer\n");
  ask("proxy");
  run();
  EXPECT_FALSE(results.at(0));
  write("search inner.example\n");
  // The file is not looked at more than once a second.
  EXPECT_TRUE(eventually([&] {
    ask("proxy");
    run();
    return results.back().has_value();
  }));
  EXPECT_EQ(results.back().value(), expected);
}

TEST_F(Lookup, FilesAreNotLookedAtForEachFlow) {
  using std::chrono::milliseconds;
  proxy::SystemNames names(context, proxy::SystemNames::Settings{resolv_conf, nsswitch, {}});
  const core::Time start{std::chrono::hours(1)};
  EXPECT_FALSE(names.has_changed(start));
  write("search inner.example\n");
  EXPECT_FALSE(names.has_changed(start + milliseconds(999)));
  EXPECT_TRUE(names.has_changed(start + milliseconds(1000)));
  EXPECT_FALSE(names.has_changed(start + milliseconds(9000))) << "once for each change";
}

TEST_F(Lookup, AddressIsItsOwnAnswer) {
  const ScriptedNameserver server([](const Bytes& /*query*/) { return Bytes(); });
  use(server);
  ask("192.0.2.1");
  ask("2001:db8::1");
  run();
  EXPECT_EQ(results.at(0).value(), expected);
  EXPECT_EQ(results.at(1).value(), Addresses{endpoint("2001:db8::1", 0).address});
  EXPECT_EQ(server.asked(), 0U);
}

TEST_F(Lookup, EndWhileQuestionsAreUnderWayLeavesNothing) {
  const auto before = open_descriptors();
  {
    const ScriptedNameserver server([](const Bytes& /*query*/) { return Bytes(); });
    use(server);
    ask("proxy.example");
    context.restart();
    EXPECT_TRUE(eventually([&] { return context.poll(), server.asked() > 0; }));
    lookup.reset();
  }
  context.restart();
  context.poll();
  EXPECT_LE(open_descriptors(), before + 3);  // the loop's own
}

}  // namespace
}  // namespace tfunnel::test
