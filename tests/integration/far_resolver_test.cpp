// The virtual resolver: answered by the far end's nameservers, whichever of them works.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <future>

#include "proxy/dns/dns_message.hpp"
#include "tests/integration/support/datagrams.hpp"
#include "tests/integration/support/http_proxy.hpp"
#include "tests/integration/support/tunnel.hpp"
#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using proxy::dns::Rcode;

const auto virtual_resolver = endpoint("198.18.0.53", 53);
const auto virtual_resolver_v6 = endpoint("fd00:7466::53", 53);

Socket datagrams_at(const core::Endpoint& endpoint) {
  Socket socket(::socket(AF_INET, SOCK_DGRAM, 0));
  const auto address = io::to_asio<udp>(endpoint);
  EXPECT_EQ(::bind(socket.fd(), address.data(), static_cast<socklen_t>(address.size())), 0);
  const timeval limit{std::chrono::duration_cast<std::chrono::seconds>(patience).count(), 0};
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return socket;
}

/// A UDP socket with the port of a TCP server: a nameserver has both.
Socket datagrams_beside(const Server& server) { return datagrams_at(server.endpoint()); }

/// The next message of a stream.
Bytes receive_framed(Socket& socket) {
  const auto length = socket.receive(2);
  return length.size() < 2 ? Bytes() : socket.receive(static_cast<std::size_t>(length[0] << 8 | length[1]));
}

class FarResolver : public testing::Test {
 protected:
  FarResolver() { ::setenv("RES_OPTIONS", "timeout:1 attempts:2", 1); }
  ~FarResolver() override { ::unsetenv("RES_OPTIONS"); }
  FarResolver(const FarResolver&) = delete;
  FarResolver& operator=(const FarResolver&) = delete;

  Tunnel& start(const std::vector<core::Endpoint>& servers, std::size_t buffer_size = 128U << 20) {
    Tunnel::Terms terms;
    terms.buffer_size = buffer_size;
    terms.log_level = log_level_;
    for (const auto& server : servers) terms.names.dns.push_back(server.text());
    tunnel_.emplace(over_pipes, terms);
    application_ = tunnel_->udp_application();
    return *tunnel_;
  }
  void ask(const Bytes& query, const core::Endpoint& resolver = virtual_resolver) {
    tunnel_->call([&] { application_->send(resolver, query); });
  }
  /// The answer number `count`, from 1, and who seems to have sent it.
  std::pair<core::Endpoint, Bytes> answer(std::size_t count = 1) {
    const auto there = [&] { return tunnel_->call([&] { return application_->datagrams.size(); }) >= count; };
    if (!eventually(there)) return {};
    return tunnel_->call([&] { return application_->datagrams.at(count - 1); });
  }
  Rcode rcode_of_answer(std::size_t count = 1) {
    const auto found = answer(count).second;
    return found.empty() ? Rcode::no_error : proxy::dns::rcode_of(found);
  }

  Socket server_ = bound_socket(SOCK_DGRAM);
  Socket other_server_ = bound_socket(SOCK_DGRAM);
  io::LogLevel log_level_ = io::LogLevel::error;
  std::optional<Tunnel> tunnel_;
  std::shared_ptr<UdpApplication> application_;
};

TEST_F(FarResolver, AnswerSeemsToComeFromTheAddressThatWasAsked) {
  start({server_.local()});
  std::size_t count = 0;
  for (const auto& resolver : {virtual_resolver, virtual_resolver_v6}) {
    const auto query = dns_query("a.example", type_a, 0x4711);
    ask(query, resolver);
    const auto letter = receive_letter(server_);
    auto reply = dns_answer(letter.payload, {{"a.example", type_a, 60, {192, 0, 2, 1}}});
    answer_letter(server_, letter, reply);
    reply[0] = 0x47;
    reply[1] = 0x11;
    EXPECT_EQ(answer(++count), std::make_pair(resolver, reply)) << "with the client's id";
  }
}

TEST_F(FarResolver, ForgedAnswersAreNotTaken) {
  start({server_.local()});
  ask(dns_query("a.example"));
  const auto letter = receive_letter(server_);
  auto stranger = bound_socket(SOCK_DGRAM);
  const auto good = dns_answer(letter.payload, {{"a.example", type_a, 60, {192, 0, 2, 1}}});
  answer_letter(stranger, letter, dns_answer(letter.payload, {{"a.example", type_a, 60, {192, 0, 2, 66}}}));
  auto wrong_id = dns_answer(letter.payload, {});
  wrong_id[1] ^= 1;
  answer_letter(server_, letter, wrong_id);
  auto other_question = dns_answer(dns_query("b.example"), {});
  other_question[0] = good[0];
  other_question[1] = good[1];
  answer_letter(server_, letter, other_question);
  answer_letter(server_, letter, letter.payload);
  answer_letter(server_, letter, good);
  const auto taken = answer().second;
  ASSERT_EQ(taken.size(), good.size());
  EXPECT_EQ(taken.back(), 1) << "192.0.2.1 is the true answer";
}

// With something to read at every moment the time limit holds all the same.
TEST_F(FarResolver, FloodOfForgedAnswersEndsAtTheTimeLimit) {
  start({server_.local(), other_server_.local()});
  ask(dns_query("a.example"));
  const auto letter = receive_letter(server_);
  auto wrong_id = dns_answer(letter.payload, {});
  wrong_id[1] ^= 1;
  std::atomic<bool> over = false;
  const auto flood = [&] {
    while (!over) answer_letter(server_, letter, wrong_id);
  };
  auto one = std::async(std::launch::async, flood);
  auto another = std::async(std::launch::async, flood);
  const auto next = receive_letter(other_server_);
  EXPECT_FALSE(next.payload.empty());
  over = true;
  one.get();
  another.get();
  answer_letter(other_server_, next, dns_answer(next.payload, {}));
  EXPECT_EQ(answer().first, virtual_resolver);
}

TEST_F(FarResolver, EachQueryHasItsOwnIdAndPort) {
  start({server_.local()});
  ask(dns_query("a.example", type_a, 7));
  ask(dns_query("b.example", type_a, 7));
  const auto first = receive_letter(server_);
  const auto second = receive_letter(server_);
  EXPECT_NE(std::memcmp(&first.from, &second.from, first.from_size), 0) << "the port can be guessed";
}

TEST_F(FarResolver, SilentServerIsPassedOverAndThenAskedLast) {
  start({server_.local(), other_server_.local()});
  for (int i = 1; i <= 2; ++i) {
    ask(dns_query("a.example"));
    const auto letter = receive_letter(other_server_);
    answer_letter(other_server_, letter, dns_answer(letter.payload, {}));
  }
  EXPECT_EQ(answer(2).first, virtual_resolver);
  receive_letter(server_);
  const timeval soon{0, 100'000};
  ::setsockopt(server_.fd(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  Bytes buffer(100);
  EXPECT_LT(::recv(server_.fd(), buffer.data(), buffer.size(), 0), 0) << "the dead server delayed a second query";
}

TEST_F(FarResolver, RefusingServerIsPassedOverAtOnce) {
  start({closed_endpoint(SOCK_DGRAM), server_.local()});
  ask(dns_query("a.example"));
  const auto letter = receive_letter(server_);
  answer_letter(server_, letter, dns_answer(letter.payload, {}));
  EXPECT_EQ(answer().first, virtual_resolver);
}

TEST_F(FarResolver, TroubleOfOneServerIsNotTheLastWord) {
  start({server_.local(), other_server_.local()});
  const auto fail = static_cast<std::uint8_t>(Rcode::refused);
  ask(dns_query("a.example"));
  auto letter = receive_letter(server_);
  answer_letter(server_, letter, dns_answer(letter.payload, {}, fail));
  letter = receive_letter(other_server_);
  answer_letter(other_server_, letter, dns_answer(letter.payload, {}));
  EXPECT_EQ(rcode_of_answer(1), Rcode::no_error);
  ask(dns_query("a.example"));
  letter = receive_letter(server_);
  answer_letter(server_, letter, dns_answer(letter.payload, {}, fail));
  letter = receive_letter(other_server_);
  answer_letter(other_server_, letter,
                dns_answer(letter.payload, {}, static_cast<std::uint8_t>(Rcode::server_failure)));
  EXPECT_EQ(rcode_of_answer(2), Rcode::refused) << "what the first one said";
}

TEST_F(FarResolver, NoServerAtAllIsSaidAndNotKeptSilent) {
  start({closed_endpoint(SOCK_DGRAM)});
  ask(dns_query("a.example"));
  EXPECT_EQ(rcode_of_answer(), Rcode::server_failure);
  EXPECT_EQ(answer().first, virtual_resolver);
}

TEST_F(FarResolver, DeadServerIsToldOnceAndOnceThatItIsBack) {
  CapturedLog log;
  log_level_ = io::LogLevel::debug;
  const auto server = closed_endpoint(SOCK_DGRAM);
  start({server});
  std::size_t asked = 0;
  for (int i = 0; i < 20; ++i) {
    ask(dns_query("a" + std::to_string(i) + ".example"));
    EXPECT_EQ(rcode_of_answer(++asked), Rcode::server_failure);
  }
  auto back = datagrams_at(server);
  for (int i = 0; i < 20; ++i) {
    ask(dns_query("b" + std::to_string(i) + ".example"));
    const auto letter = receive_letter(back);
    answer_letter(back, letter, dns_answer(letter.payload, {}));
    EXPECT_EQ(answer(++asked).first, virtual_resolver);
  }
  tunnel_.reset();
  const auto name = "nameserver " + server.text();
  EXPECT_EQ(count(log.text(), name + " does not answer: Connection refused"), 1U) << log.text();
  EXPECT_EQ(count(log.text(), name + " answers again"), 1U) << log.text();
  EXPECT_EQ(count(log.text(), "warning"), 2U) << log.text();
}

// Many do not listen there.
TEST_F(FarResolver, ServerWithoutTcpIsNotDeadForDatagrams) {
  CapturedLog log;
  log_level_ = io::LogLevel::debug;
  const auto server = closed_endpoint(SOCK_STREAM);
  auto datagrams = datagrams_at(server);
  auto& tunnel = start({server});
  for (std::size_t i = 1; i <= 5; ++i) {
    ask(dns_query("a" + std::to_string(i) + ".example"));
    const auto letter = receive_letter(datagrams);
    answer_letter(datagrams, letter, dns_answer(letter.payload, {}));
    EXPECT_EQ(answer(i).first, virtual_resolver);
    auto near = tunnel.connect(virtual_resolver);
    near.send(proxy::dns::framed(dns_query("b" + std::to_string(i) + ".example")));
    EXPECT_FALSE(receive_framed(near).empty());
  }
  tunnel_.reset();
  const auto name = "nameserver " + server.text();
  EXPECT_EQ(count(log.text(), name + " does not answer over TCP: Connection refused"), 1U) << log.text();
  EXPECT_EQ(count(log.text(), name), 1U) << log.text();
}

TEST_F(FarResolver, SilentServerIsToldOnce) {
  CapturedLog log;
  log_level_ = io::LogLevel::debug;
  start({server_.local()});
  // Each is asked twice, a second apart; the next one when this one's second second begins.
  for (int i = 0; i < 4; ++i) {
    ask(dns_query("a" + std::to_string(i) + ".example"));
    receive_letter(server_);
    receive_letter(server_);
  }
  tunnel_.reset();
  const auto said = "nameserver " + server_.local().text() + " does not answer: Connection timed out";
  EXPECT_EQ(count(log.text(), said), 1U) << log.text();
}

TEST_F(FarResolver, TruncatedAnswerPassesAsItIs) {
  start({server_.local()});
  ask(dns_query("a.example"));
  const auto letter = receive_letter(server_);
  auto reply = dns_answer(letter.payload, {});
  reply[2] |= 2;
  answer_letter(server_, letter, reply);
  EXPECT_TRUE(proxy::dns::is_truncated(answer().second));
}

TEST_F(FarResolver, NonsenseIsDroppedAndEndsNothing) {
  auto& tunnel = start({server_.local()});
  ask(bytes_of("nonsense"));
  ask({});
  ask(dns_answer(dns_query("a.example"), {}));
  ask(dns_query("a.example"));
  EXPECT_EQ(receive_letter(server_).payload.size(), dns_query("a.example").size());
  EXPECT_EQ(tunnel.client_flows(), 1U);
}

TEST_F(FarResolver, OtherDatagramsOfTheFlowPass) {
  start({server_.local()});
  ask(dns_query("a.example"));
  const auto letter = receive_letter(server_);
  ask(bytes_of("hello"), other_server_.local());
  const auto other = receive_letter(other_server_);
  EXPECT_EQ(other.payload, bytes_of("hello"));
  answer_letter(other_server_, other, bytes_of("hi"));
  EXPECT_EQ(answer(1), std::make_pair(other_server_.local(), bytes_of("hi")));
  answer_letter(server_, letter, dns_answer(letter.payload, {}));
  EXPECT_EQ(answer(2).first, virtual_resolver);
}

TEST_F(FarResolver, OtherPortsOfTheAddressAreRefused) {
  auto& tunnel = start({server_.local()});
  const auto other_port = endpoint("198.18.0.53", 443);
  ask(bytes_of("quic?"), other_port);
  EXPECT_TRUE(eventually([&] { return tunnel.call([&] { return application_->errors.size(); }) == 1; }));
  EXPECT_EQ(application_->errors.at(0), std::make_pair(other_port, core::Reason::refused));
  auto socket = tunnel.connect(endpoint("198.18.0.53", 853));
  EXPECT_EQ(socket.wait_end(), Ending::reset);
}

TEST_F(FarResolver, LostQueryIsAskedAgainUnderTheSameId) {
  start({server_.local()});
  ask(dns_query("a.example"));
  const auto lost = receive_letter(server_);
  const auto again = receive_letter(server_);
  EXPECT_EQ(again.payload, lost.payload);
  EXPECT_EQ(std::memcmp(&again.from, &lost.from, lost.from_size), 0);
  answer_letter(server_, lost, dns_answer(lost.payload, {}));
  EXPECT_EQ(answer().first, virtual_resolver) << "a late answer to the first one";
}

TEST_F(FarResolver, SilenceOfAllServersIsPassedOnAsSilence) {
  auto& tunnel = start({server_.local()});
  ask(dns_query("a.example"));
  EXPECT_TRUE(eventually([&] { return tunnel.proxy_counters().datagrams_dropped == 1; }));
  ask(dns_query("b.example"));
  receive_letter(server_);
  receive_letter(server_);
  const auto letter = receive_letter(server_);
  answer_letter(server_, letter, dns_answer(letter.payload, {{"b.example", type_a, 60, {192, 0, 2, 1}}}));
  EXPECT_EQ(answer().second.back(), 1) << "the first thing that is said at all";
}

TEST_F(FarResolver, ApplicationsRepetitionIsTheSameQuestion) {
  start({server_.local()});
  const auto query = dns_query("a.example");
  tunnel_->call([&] {
    application_->send(virtual_resolver, query);
    application_->send(virtual_resolver, query);
    application_->send(virtual_resolver, dns_query("b.example"));
  });
  const auto first = receive_letter(server_);
  const auto second = receive_letter(server_);
  const auto b = dns_query("b.example");
  EXPECT_TRUE(std::ranges::equal(core::ByteView(second.payload).subspan(2), core::ByteView(b).subspan(2)));
  answer_letter(server_, first, dns_answer(first.payload, {}));
  answer_letter(server_, second, dns_answer(second.payload, {}));
  EXPECT_NE(answer(2).second, answer(1).second) << "one answer each";
}

TEST_F(FarResolver, SameQuestionOfSeveralIsAskedOnceAndEachHasItsOwnId) {
  start({server_.local()});
  const auto other = tunnel_->udp_application();
  tunnel_->call([&] {
    application_->send(virtual_resolver, dns_query("a.example", type_a, 0x1111));
    other->send(virtual_resolver, dns_query("a.example", type_a, 0x2222));
    other->send(virtual_resolver, dns_query("b.example"));
  });
  const auto letter = receive_letter(server_);
  EXPECT_NE(receive_letter(server_).payload.at(13), letter.payload.at(13)) << "b.example";
  answer_letter(server_, letter, dns_answer(letter.payload, {}));
  EXPECT_EQ(proxy::dns::id_of(answer().second), 0x1111);
  EXPECT_TRUE(eventually([&] { return tunnel_->call([&] { return !other->datagrams.empty(); }); }));
  EXPECT_EQ(proxy::dns::id_of(other->datagrams.at(0).second), 0x2222);
}

TEST_F(FarResolver, ManyQuestionsAtOnceShareFewPortsAndAllAreAnswered) {
  ::setenv("RES_OPTIONS", "timeout:30", 1);
  auto& tunnel = start({server_.local()});
  constexpr std::size_t all = 600;
  constexpr std::size_t at_once = 20;
  const auto before = open_descriptors();
  std::vector<Letter> letters;
  while (letters.size() < all) {
    for (std::size_t i = 0; i < at_once; ++i) ask(dns_query("n" + std::to_string(letters.size() + i) + ".example"));
    for (std::size_t i = 0; i < at_once; ++i) letters.push_back(receive_letter(server_));
  }
  EXPECT_LE(open_descriptors(), before + 128);
  for (std::size_t done = 0; done < all;) {
    for (std::size_t i = 0; i < at_once; ++i, ++done) {
      answer_letter(server_, letters[done], dns_answer(letters[done].payload, {{"x", type_a, 60, {192, 0, 2, 1}}}));
    }
    answer(done);
  }
  const auto well = tunnel.call([&] {
    return std::ranges::count_if(application_->datagrams,
                                 [](const auto& one) { return one.second.size() > 12 && one.second.back() == 1; });
  });
  EXPECT_EQ(well, static_cast<std::ptrdiff_t>(all));
}

TEST_F(FarResolver, OurOwnWantOfRoomIsNotToldAsTheServersFault) {
  ::setenv("RES_OPTIONS", "timeout:30", 1);
  auto& tunnel = start({server_.local()}, 1U << 20);
  ask(dns_query("a.example"));
  const auto letter = receive_letter(server_);
  for (int i = 0; tunnel.proxy_counters().datagrams_dropped == 0 && i < 10'000; ++i) {
    ask(dns_query("n" + std::to_string(i) + ".example"));
  }
  EXPECT_GT(tunnel.proxy_counters().datagrams_dropped, 0U);
  answer_letter(server_, letter, dns_answer(letter.payload, {}));
  EXPECT_EQ(rcode_of_answer(), Rcode::no_error);
}

TEST_F(FarResolver, StreamReachesTheFirstServerThatAccepts) {
  Server nameserver;
  auto& tunnel = start({closed_endpoint(SOCK_STREAM), nameserver.endpoint()});
  auto accepted = std::optional<Socket>();
  for (const auto& resolver : {virtual_resolver, virtual_resolver_v6}) {
    auto socket = tunnel.connect(resolver);
    const auto query = dns_query("a.example", type_a, 0x4711);
    socket.send(proxy::dns::framed(query));
    if (!accepted) accepted = nameserver.accept();
    const auto asked = receive_framed(*accepted);
    accepted->send(proxy::dns::framed(dns_answer(asked, {})));
    EXPECT_EQ(receive_framed(socket), dns_answer(query, {}));
  }
}

TEST_F(FarResolver, TroubleOverTcpMovesOnToTheNextServer) {
  for (const auto rcode : {Rcode::refused, Rcode::server_failure, Rcode::not_implemented}) {
    Server one;
    Server two;
    auto& tunnel = start({one.endpoint(), two.endpoint()});
    auto socket = tunnel.connect(virtual_resolver);
    const auto query = dns_query("a.example");
    socket.send(proxy::dns::framed(query));
    auto first = one.accept();
    first.send(proxy::dns::framed(dns_answer(receive_framed(first), {}, static_cast<std::uint8_t>(rcode))));
    auto second = two.accept();
    second.send(proxy::dns::framed(dns_answer(receive_framed(second), {})));
    EXPECT_EQ(receive_framed(socket), dns_answer(query, {}));
  }
}

TEST_F(FarResolver, WhoTruncatedTheAnswerIsAskedFirstOverTcp) {
  Server one;
  Server two;
  auto one_udp = datagrams_beside(one);
  auto two_udp = datagrams_beside(two);
  auto& tunnel = start({one.endpoint(), two.endpoint()});
  const auto query = dns_query("a.example");
  ask(query);
  auto letter = receive_letter(one_udp);
  answer_letter(one_udp, letter, dns_answer(letter.payload, {}, static_cast<std::uint8_t>(Rcode::refused)));
  letter = receive_letter(two_udp);
  auto cut = dns_answer(letter.payload, {});
  cut[2] |= 2;
  answer_letter(two_udp, letter, cut);
  EXPECT_TRUE(proxy::dns::is_truncated(answer().second));
  auto socket = tunnel.connect(virtual_resolver);
  socket.send(proxy::dns::framed(query));
  auto accepted = two.accept();
  accepted.send(proxy::dns::framed(dns_answer(receive_framed(accepted), {})));
  EXPECT_EQ(receive_framed(socket), dns_answer(query, {}));
  EXPECT_FALSE(one.called(std::chrono::milliseconds(0)));
}

TEST_F(FarResolver, QueriesOfOneStreamAreAnsweredAsTheAnswersCome) {
  Server nameserver;
  auto& tunnel = start({nameserver.endpoint()});
  auto socket = tunnel.connect(virtual_resolver);
  const auto slow = dns_query("a.example", type_a, 1);
  const auto quick = dns_query("b.example", type_a, 2);
  socket.send(proxy::dns::framed(slow) + proxy::dns::framed(quick));
  auto accepted = nameserver.accept();
  const auto first = receive_framed(accepted);
  accepted.send(proxy::dns::framed(dns_answer(receive_framed(accepted), {})));
  EXPECT_EQ(receive_framed(socket), dns_answer(quick, {}));
  socket.half_close();
  accepted.send(proxy::dns::framed(dns_answer(first, {})));
  EXPECT_EQ(receive_framed(socket), dns_answer(slow, {})) << "also for who says that he asks no more";
  EXPECT_EQ(socket.wait_end(), Ending::eof);
}

TEST_F(FarResolver, StreamWithoutAnAnswerIsReset) {
  Server nameserver;
  auto& tunnel = start({nameserver.endpoint()});
  auto socket = tunnel.connect(virtual_resolver);
  socket.send(proxy::dns::framed(dns_query("a.example")));
  auto accepted = nameserver.accept();
  receive_framed(accepted);
  EXPECT_EQ(socket.wait_end(), Ending::reset);
}

TEST_F(FarResolver, StreamIsToldThatNobodyListens) {
  auto& tunnel = start({closed_endpoint(SOCK_STREAM)});
  auto socket = tunnel.connect(virtual_resolver);
  socket.send(proxy::dns::framed(dns_query("a.example")));
  const auto answer = receive_framed(socket);
  ASSERT_GE(answer.size(), 12U);
  EXPECT_EQ(proxy::dns::rcode_of(answer), Rcode::server_failure);
}

TEST_F(FarResolver, NonsenseEndsItsStreamOnly) {
  Server nameserver;
  auto& tunnel = start({nameserver.endpoint()});
  for (const auto& nonsense : {Bytes{0, 3, 1, 2, 3}, proxy::dns::framed(dns_answer(dns_query("a.example"), {}))}) {
    auto socket = tunnel.connect(virtual_resolver);
    socket.send(nonsense);
    EXPECT_EQ(socket.wait_end(), Ending::reset);
  }
  auto socket = tunnel.connect(virtual_resolver);
  socket.send(proxy::dns::framed(dns_query("a.example")));
  auto accepted = nameserver.accept();
  EXPECT_FALSE(receive_framed(accepted).empty());
}

TEST_F(FarResolver, SilentFlowEndsAndGivesItsDescriptorsBack) {
  Tunnel::Terms terms;
  terms.names.dns = {server_.local().text()};
  terms.udp_timeouts = {std::chrono::milliseconds(1500), std::chrono::milliseconds(1500)};
  tunnel_.emplace(over_pipes, terms);
  const auto before = open_descriptors();
  application_ = tunnel_->udp_application();
  ask(dns_query("a.example"));
  const auto letter = receive_letter(server_);
  answer_letter(server_, letter, dns_answer(letter.payload, {}));
  answer();
  EXPECT_TRUE(eventually([&] { return tunnel_->client_flows() + tunnel_->proxy_flows() == 0; }));
  EXPECT_TRUE(eventually([&] { return open_descriptors() == before; }));
}

}  // namespace
}  // namespace tfunnel::test
