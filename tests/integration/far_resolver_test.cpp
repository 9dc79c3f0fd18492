// The virtual resolver: answered by the far end's nameservers, whichever of them works.
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "proxy/dns_message.hpp"
#include "tests/integration/support/datagrams.hpp"
#include "tests/integration/support/tunnel.hpp"
#include "tests/unit/support/dns.hpp"

namespace tfunnel::test {
namespace {

using proxy::dns::Rcode;

const auto virtual_resolver = endpoint("198.18.0.53", 53);
const auto virtual_resolver_v6 = endpoint("fd00:7466::53", 53);

class FarResolver : public testing::Test {
 protected:
  Tunnel& start(const std::vector<core::Endpoint>& servers) {
    Tunnel::Terms terms;
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
  ask(dns_query("a.example", type_a, 7));
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

TEST_F(FarResolver, StreamReachesTheFirstServerThatAccepts) {
  Server nameserver;
  auto& tunnel = start({closed_endpoint(SOCK_STREAM), nameserver.endpoint()});
  for (const auto& resolver : {virtual_resolver, virtual_resolver_v6}) {
    auto socket = tunnel.connect(resolver);
    auto accepted = nameserver.accept();
    socket.send(bytes_of("query"));
    EXPECT_EQ(accepted.receive(5), bytes_of("query"));
    accepted.send(bytes_of("answer"));
    EXPECT_EQ(socket.receive(6), bytes_of("answer"));
  }
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
