// DNS over UDP through an upstream that carries only TCP.
#include <gtest/gtest.h>

#include "proxy/dns/dns_over_stream.hpp"
#include "tests/integration/support/datagrams.hpp"
#include "tests/integration/support/tunnel.hpp"
#include "tests/integration/support/upstream.hpp"
#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using namespace std::chrono_literals;
namespace dns = proxy::dns;

const auto nameserver = endpoint("192.0.2.53", 53);

/// One message from a stream, without its length.
Bytes receive_message(Socket& socket) {
  const auto size = socket.receive(2);
  return size.size() == 2 ? socket.receive(static_cast<std::size_t>(size[0] << 8 | size[1])) : Bytes();
}

class DnsThroughTcp : public testing::Test {
 protected:
  static Tunnel::Terms terms(Upstream& upstream) {
    Tunnel::Terms terms;
    terms.upstream = &upstream;
    terms.carries_datagrams = false;
    return terms;
  }
  using Application = std::shared_ptr<UdpApplication>;
  void ask(const Application& who, const Bytes& query, const core::Endpoint& peer = nameserver) {
    tunnel.call([&] { who->send(peer, query); });
  }
  std::pair<core::Endpoint, Bytes> answer(const Application& who, std::size_t count = 1) {
    const auto there = [&] { return tunnel.call([&] { return who->datagrams.size(); }) >= count; };
    if (!eventually(there)) return {};
    return tunnel.call([&] { return who->datagrams.at(count - 1); });
  }
  std::pair<core::Endpoint, core::Reason> error(const Application& who) {
    const auto there = [&] { return tunnel.call([&] { return !who->errors.empty(); }); };
    if (!eventually(there)) return {};
    return tunnel.call([&] { return who->errors.at(0); });
  }

  Server server;
  Upstream upstream{server.endpoint()};
  Tunnel tunnel{over_pipes, terms(upstream)};
  Application application = tunnel.udp_application();
};

TEST_F(DnsThroughTcp, QueriesWithOneIdShareAConnectionAndGetTheirOwnAnswers) {
  const auto other = tunnel.udp_application();
  ask(application, dns_query("a.example", type_a, 7));
  auto connection = server.accept();
  const auto first = receive_message(connection);
  ask(other, dns_query("b.example", type_a, 7));
  ask(application, dns_query("c.example", type_a, 7));
  const auto second = receive_message(connection);
  const auto third = receive_message(connection);
  EXPECT_NE(dns::id_of(first), dns::id_of(second));
  EXPECT_EQ(upstream.asked()->destination, nameserver);
  for (const auto& query : {third, second, first}) connection.send(dns::framed(dns_answer(query, {})));
  EXPECT_EQ(answer(application, 1), std::make_pair(nameserver, dns_answer(dns_query("c.example", type_a, 7), {})));
  EXPECT_EQ(answer(application, 2), std::make_pair(nameserver, dns_answer(dns_query("a.example", type_a, 7), {})));
  EXPECT_EQ(answer(other).second, dns_answer(dns_query("b.example", type_a, 7), {}));
  EXPECT_EQ(upstream.count(), 1U);
}

TEST_F(DnsThroughTcp, QuestionsToManySilentServersTakeBoundedMemoryAndDescriptors) {
  auto terms = DnsThroughTcp::terms(upstream);
  terms.buffer_size = 1U << 20;
  Tunnel small(over_pipes, terms);
  const auto asking = small.udp_application();
  const auto before = open_descriptors();
  constexpr std::uint64_t count = 100;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto silent = endpoint("192.0.2." + std::to_string(i + 1), 53);
    small.call([&] { asking->send(silent, dns_query("a.example")); });
  }
  EXPECT_TRUE(eventually([&] { return upstream.count() + small.proxy_counters().datagrams_dropped >= count; }));
  EXPECT_LT(open_descriptors(), before + 20);
  EXPECT_GT(upstream.count(), 0U);
}

TEST_F(DnsThroughTcp, EachServerIsAskedItself) {
  const auto other = endpoint("2001:db8::53", 53);
  ask(application, dns_query("a.example"));
  auto first = server.accept();
  ask(application, dns_query("a.example"), other);
  auto second = server.accept();
  EXPECT_EQ(upstream.asked(2)->destination, other);
  second.send(dns::framed(dns_answer(receive_message(second), {})));
  EXPECT_EQ(answer(application).first, other);
}

TEST_F(DnsThroughTcp, ConnectionThatEndsIsMadeAgainOnce) {
  ask(application, dns_query("a.example"));
  receive_message(*std::make_unique<Socket>(server.accept()));
  auto second = server.accept();
  second.send(dns::framed(dns_answer(receive_message(second), {})));
  EXPECT_EQ(answer(application).second, dns_answer(dns_query("a.example"), {}));
}

TEST_F(DnsThroughTcp, ServerThatEndsTheSecondOneTooIsUnreachable) {
  ask(application, dns_query("a.example"));
  for (int i = 0; i < 2; ++i) {
    auto connection = server.accept();
    receive_message(connection);
    connection.reset();
  }
  EXPECT_EQ(error(application), std::make_pair(nameserver, core::Reason::peer_reset));
  EXPECT_EQ(upstream.count(), 2U);
}

TEST_F(DnsThroughTcp, RefusedConnectionIsAnIcmpErrorAtOnce) {
  upstream.lead_to(closed_endpoint(SOCK_STREAM));
  ask(application, dns_query("a.example"));
  EXPECT_EQ(error(application), std::make_pair(nameserver, core::Reason::refused));
}

TEST_F(DnsThroughTcp, AnswerLargerThanTheClientTakesIsCut) {
  const std::vector<DnsRecord> records(100, {"a.example", type_a, 60, {192, 0, 2, 1}});
  ask(application, dns_query("a.example"));
  auto connection = server.accept();
  connection.send(dns::framed(dns_answer(receive_message(connection), records)));
  const auto cut = answer(application).second;
  EXPECT_LE(cut.size(), 512U);
  EXPECT_TRUE(dns::is_truncated(cut));
  ask(application, dns_query("a.example", type_a, 2, 4096));
  receive_message(connection);
  const auto whole = dns_answer(dns_query("a.example", type_a, 2), records);
  auto on_the_wire = whole;
  on_the_wire[1] = 2;
  connection.send(dns::framed(on_the_wire));
  EXPECT_EQ(answer(application, 2).second, whole);
}

/// An answer of `size` bytes.
Bytes answer_of(const Bytes& query, std::size_t size) {
  const auto smallest = dns_answer(query, {{"a.example", type_a, 60, {}}}).size();
  return dns_answer(query, {{"a.example", type_a, 60, Bytes(size - smallest)}});
}

// A stream carries larger messages than a datagram of either family, whatever the query says that it takes.
TEST_F(DnsThroughTcp, AnswerLargerThanAnyDatagramIsCutAndEndsNothing) {
  for (const auto& peer : {nameserver, endpoint("2001:db8::53", 53)}) {
    const auto before = tunnel.call([&] { return application->datagrams.size(); });
    const auto most = core::largest_datagram(peer.address);
    ask(application, dns_query("a.example", type_a, 7, 65'535), peer);
    auto connection = server.accept();
    connection.send(dns::framed(answer_of(receive_message(connection), most + 1)));
    const auto cut = answer(application, before + 1).second;
    EXPECT_TRUE(dns::is_truncated(cut)) << cut.size();
    ask(application, dns_query("a.example", type_a, 8, 65'535), peer);
    connection.send(dns::framed(answer_of(receive_message(connection), most)));
    const auto whole = answer(application, before + 2).second;
    EXPECT_EQ(whole.size(), most);
    EXPECT_FALSE(dns::is_truncated(whole));
  }
}

TEST_F(DnsThroughTcp, NonsenseFromTheServerHarmsNobody) {
  ask(application, dns_query("a.example"));
  auto connection = server.accept();
  const auto query = receive_message(connection);
  auto unknown = dns_answer(query, {});
  unknown[1] ^= 0x55;
  connection.send(dns::framed(unknown));                                 // an id that was not used
  connection.send(dns::framed(dns_answer(dns_query("x.example"), {})));  // another question
  connection.send(Bytes{0, 3, 1, 2, 3});                                 // too short to be a message
  auto second = server.accept();
  second.send(dns::framed(dns_answer(receive_message(second), {})));
  EXPECT_EQ(answer(application).second, dns_answer(dns_query("a.example"), {}));
}

TEST_F(DnsThroughTcp, OtherDatagramsAreLeftToTheFallback) {
  auto peer = bound_socket(SOCK_DGRAM);
  ask(application, bytes_of("hello"), peer.local());
  EXPECT_EQ(receive_letter(peer).payload, bytes_of("hello"));
}

TEST_F(DnsThroughTcp, HundredsAtOnceAreAllAnsweredOverFewConnections) {
  constexpr std::uint16_t count = 300;
  for (std::uint16_t i = 0; i < count; ++i) ask(application, dns_query("a.example", type_a, i));
  std::vector<Socket> connections;
  std::vector<std::vector<Bytes>> queries;
  // 128 at a time fit onto one connection.
  for (const std::size_t share : {128U, 128U, 44U}) {
    connections.push_back(server.accept());
    auto& own = queries.emplace_back();
    while (own.size() < share) own.push_back(receive_message(connections.back()));
  }
  for (std::size_t i = 0; i < connections.size(); ++i) {
    for (const auto& query : queries[i]) connections[i].send(dns::framed(dns_answer(query, {})));
  }
  const auto all = [&] { return tunnel.call([&] { return application->datagrams.size(); }) == count; };
  EXPECT_TRUE(eventually(all));
  EXPECT_EQ(upstream.count(), 3U);
}

/// The class alone, with limits that a test can wait for.
class DnsOverStreamLimits : public testing::Test {
 protected:
  void start(const proxy::DnsOverStream::Limits& limits) {
    stream.emplace(context, upstream, limits, log);
    thread = std::thread([this] { context.run(); });
  }
  ~DnsOverStreamLimits() override {
    context.stop();
    if (thread.joinable()) thread.join();
  }
  std::shared_ptr<std::promise<result<dns::Message>>> ask() {
    auto promise = std::make_shared<std::promise<result<dns::Message>>>();
    asio::post(context, [this, promise] {
      stream->ask(nameserver, dns_query("a.example"),
                  [promise](result<dns::Message> answer) { promise->set_value(answer); });
    });
    return promise;
  }
  static error_code error_of(std::promise<result<dns::Message>>& promise) {
    auto future = promise.get_future();
    if (future.wait_for(patience) != std::future_status::ready) return {};
    const auto answer = future.get();
    return answer ? error_code() : answer.error();
  }

  io::Log log{io::LogLevel::error, io::LogFormat::text, "test"};
  Server server;
  Upstream upstream{server.endpoint()};
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::optional<proxy::DnsOverStream> stream;
  std::thread thread;
};

TEST_F(DnsOverStreamLimits, ConnectionWithoutQueriesIsClosed) {
  start({.idle = 100ms});
  const auto promise = ask();
  auto connection = server.accept();
  connection.send(dns::framed(dns_answer(receive_message(connection), {})));
  EXPECT_FALSE(error_of(*promise));
  EXPECT_EQ(connection.wait_end(), Ending::eof);
}

TEST_F(DnsOverStreamLimits, SilentServerTimesOutAndItsConnectionIsGivenUp) {
  start({.answer = 200ms, .idle = 200ms});
  const auto promise = ask();
  auto connection = server.accept();
  EXPECT_EQ(error_of(*promise), asio::error::timed_out);
  receive_message(connection);
  EXPECT_EQ(connection.wait_end(), Ending::eof);
}

TEST_F(DnsOverStreamLimits, QueriesBeyondTheLimitsAreTurnedAway) {
  start({.pipelined = 1, .connections = 1});
  const auto first = ask();
  const auto second = ask();
  EXPECT_EQ(error_of(*second), asio::error::no_buffer_space);
  auto connection = server.accept();
  connection.send(dns::framed(dns_answer(receive_message(connection), {})));
  EXPECT_FALSE(error_of(*first));
}

}  // namespace
}  // namespace tfunnel::test
