// An upstream that wants names gets them, and no flow waits for one that cannot have one.
#include <gtest/gtest.h>

#include "tests/integration/support/datagrams.hpp"
#include "tests/integration/support/tunnel.hpp"
#include "tests/integration/support/upstream.hpp"
#include "tests/unit/support/dns.hpp"
#include "tests/unit/support/first_bytes.hpp"

namespace tfunnel::test {
namespace {

const auto smtp = endpoint("203.0.113.5", 25);

class Names : public testing::Test {
 protected:
  Tunnel& start(proxy::NameMode mode = proxy::NameMode::automatic) {
    Tunnel::Terms terms;
    terms.upstream = &upstream;
    terms.names.proxy_names = mode;
    tunnel_.emplace(over_pipes, terms);
    return *tunnel_;
  }
  std::string asked_name(std::size_t number = 1) {
    const auto target = upstream.asked(number);
    return target ? "name:" + target->name : "nobody connected";
  }

  Server server;
  Upstream upstream{server.endpoint()};
  std::optional<Tunnel> tunnel_;
};

TEST_F(Names, ServerNameOfTlsIsHandedOnAndEveryByteArrives) {
  auto socket = start().connect(https);
  const auto hello = tls_records(client_hello("www.example.com"), 100);
  socket.send(hello);
  auto accepted = server.accept();
  EXPECT_EQ(asked_name(), "name:www.example.com");
  EXPECT_EQ(upstream.asked()->destination, https);
  EXPECT_EQ(accepted.receive(hello.size()), hello);
}

TEST_F(Names, HelloThatArrivesInPiecesIsWaitedFor) {
  auto socket = start(proxy::NameMode::always).connect(https);
  const auto hello = tls_records(client_hello("www.example.com"));
  for (std::size_t at = 0; at < hello.size(); at += 20) {
    socket.send(core::ByteView(hello).subspan(at, std::min<std::size_t>(20, hello.size() - at)));
    tunnel_->call([] {});
  }
  EXPECT_EQ(asked_name(), "name:www.example.com");
}

TEST_F(Names, HostOfHttpIsHandedOn) {
  auto socket = start().connect(endpoint("203.0.113.5", 80));
  socket.send(bytes_of("GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n"));
  EXPECT_EQ(asked_name(), "name:www.example.com");
}

TEST_F(Names, RequestToAProxyIsNotWhereTheFlowGoes) {
  start();
  std::size_t flows = 0;
  for (const auto* line : {"GET http://a.example/ HTTP/1.1", "CONNECT a.example:443 HTTP/1.1"}) {
    auto socket = tunnel_->connect(endpoint("203.0.113.5", 8080));
    socket.send(bytes_of(std::string(line) + "\r\nHost: a.example\r\n\r\n"));
    EXPECT_EQ(asked_name(++flows), "name:") << line;
  }
}

TEST_F(Names, MetadataServiceIsNotReachedUnderItsName) {
  start();
  for (const auto* name : {"metadata.google.internal", "Metadata.Google.Internal.", "instance-data.ec2.internal",
                           "metadata.azure.internal"}) {
    auto http = tunnel_->connect(endpoint("203.0.113.5", 80));
    http.send(bytes_of("GET / HTTP/1.1\r\nHost: " + std::string(name) + ":80\r\n\r\n"));
    ASSERT_EQ(http.wait_end(), Ending::reset) << name;
    auto tls = tunnel_->connect(https);
    tls.send(tls_records(client_hello(name)));
    ASSERT_EQ(tls.wait_end(), Ending::reset) << name;
  }
  EXPECT_EQ(upstream.count(), 0U);
}

TEST_F(Names, NameThatTheUpstreamCannotUseGivesWayToTheAddressWithAllBytes) {
  upstream.refuse(Upstream::Refuses::names);
  auto socket = start().connect(https);
  const auto hello = tls_records(client_hello("alias.example"), 100);
  socket.send(hello);
  auto accepted = server.accept();
  EXPECT_EQ(asked_name(1), "name:alias.example");
  EXPECT_EQ(asked_name(2), "name:");
  EXPECT_EQ(upstream.asked(2)->destination, https);
  EXPECT_EQ(accepted.receive(hello.size()), hello);
  socket.send(bytes_of("more"));
  EXPECT_EQ(accepted.receive(4), bytes_of("more"));
}

TEST_F(Names, AlwaysNeverAsksForTheAddress) {
  upstream.refuse(Upstream::Refuses::names);
  auto socket = start(proxy::NameMode::always).connect(https);
  socket.send(tls_records(client_hello("alias.example")));
  EXPECT_EQ(socket.wait_end(), Ending::reset);
  EXPECT_EQ(upstream.count(), 1U);
}

TEST_F(Names, AnswerThatPassedNamesItsAddresses) {
  auto nameserver = bound_socket(SOCK_DGRAM);
  Tunnel::Terms terms;
  terms.upstream = &upstream;
  terms.names.dns = {nameserver.local().text()};
  tunnel_.emplace(over_pipes, terms);
  const auto application = tunnel_->udp_application();
  tunnel_->call([&] { application->send(endpoint("198.18.0.53", 53), dns_query("www.example.com")); });
  const auto letter = receive_letter(nameserver);
  const std::vector<DnsRecord> records{{"www.example.com", type_cname, 9, dns_name("x.example")},
                                       {"x.example", type_a, 9, {203, 0, 113, 5}}};
  answer_letter(nameserver, letter, dns_answer(letter.payload, records));
  ASSERT_TRUE(eventually([&] { return tunnel_->call([&] { return !application->datagrams.empty(); }); }));
  auto socket = tunnel_->connect(smtp);
  EXPECT_EQ(asked_name(), "name:www.example.com") << "also where the server speaks first";
}

TEST_F(Names, ServerSpeaksFirstWithoutDelay) {
  auto socket = start().connect(smtp);
  auto accepted = server.accept();
  EXPECT_EQ(asked_name(), "name:");
  accepted.send(bytes_of("220 ready\r\n"));
  EXPECT_EQ(socket.receive(11), bytes_of("220 ready\r\n"));
}

TEST_F(Names, SilentClientIsConnectedInTheEnd) {
  auto socket = start().connect(https);
  server.accept();
  EXPECT_EQ(asked_name(), "name:");
}

TEST_F(Names, ClientThatOnlyEndsIsNotWaitedFor) {
  auto socket = start(proxy::NameMode::always).connect(https);
  socket.half_close();
  EXPECT_EQ(socket.wait_end(std::chrono::seconds(4)), Ending::reset) << "there will be no name, which is clear at once";
}

TEST_F(Names, OtherProtocolsGoByAddress) {
  auto socket = start().connect(https);
  socket.send(bytes_of("SSH-2.0-x\r\n"));
  EXPECT_EQ(asked_name(), "name:");
}

TEST_F(Names, AlwaysRefusesAFlowWithoutAName) {
  auto socket = start(proxy::NameMode::always).connect(https);
  socket.send(bytes_of("SSH-2.0-x\r\n"));
  EXPECT_EQ(socket.wait_end(), Ending::reset);
  EXPECT_EQ(upstream.count(), 0U);
}

TEST_F(Names, NeverLooksForNone) {
  auto socket = start(proxy::NameMode::never).connect(https);
  socket.send(tls_records(client_hello("www.example.com")));
  EXPECT_EQ(asked_name(), "name:");
}

TEST_F(Names, FlowThatIsGivenUpWhileANameIsAwaitedLeavesNothing) {
  const auto before = open_descriptors();
  {
    start(proxy::NameMode::always);
    auto socket = tunnel_->connect(https);
    EXPECT_TRUE(eventually([&] { return tunnel_->proxy_flows() == 1; }));
    socket.reset();
    EXPECT_TRUE(eventually([&] { return tunnel_->proxy_flows() + tunnel_->client_flows() == 0; }));
    EXPECT_EQ(upstream.count(), 0U);
  }
  tunnel_.reset();
  EXPECT_EQ(open_descriptors(), before);
}

/// An upstream's datagrams (as SOCKS5 has them): each query is answered by the server that `answers` names, with one
/// address.
class EchoingNameserver final : public proxy::UdpWay {
 public:
  bool take(proxy::UdpFlow& flow, const core::Endpoint& /*peer*/, core::ByteView query) override {
    const std::vector<DnsRecord> records{{name, type_a, 9, {203, 0, 113, 5}}};
    flow.received(answers, dns_answer(Bytes(query.begin(), query.end()), records));
    return true;
  }
  core::Endpoint answers = endpoint("192.0.2.53", 53);
  std::string name;  // that is asked for next
};

class NamesFromDatagrams : public Names {
 protected:
  void start_with_nameserver(proxy::NameMode mode = proxy::NameMode::automatic) {
    Tunnel::Terms terms;
    terms.upstream = &upstream;
    terms.upstream_datagrams = &nameserver;
    terms.names.proxy_names = mode;
    tunnel_.emplace(over_pipes, terms);
  }
  void look_up(const std::string& name, const core::Endpoint& peer = endpoint("192.0.2.53", 53)) {
    const auto application = tunnel_->udp_application();
    nameserver.name = name;
    tunnel_->call([&] { application->send(peer, dns_query(name)); });
    ASSERT_TRUE(eventually([&] { return tunnel_->call([&] { return !application->datagrams.empty(); }); }));
  }
  void ask(const core::Endpoint& peer) {
    start_with_nameserver();
    look_up("www.example.com", peer);
    socket = tunnel_->connect(smtp);
  }
  EchoingNameserver nameserver;
  Socket socket;
};

TEST_F(NamesFromDatagrams, AnswerOfTheServerThatWasAskedIsLearnt) {
  ask(nameserver.answers);
  EXPECT_EQ(asked_name(), "name:www.example.com");
}

TEST_F(NamesFromDatagrams, AnswerOfAStrangerTeachesNothing) {
  ask(endpoint("192.0.2.54", 53));
  EXPECT_EQ(asked_name(), "name:");
}

TEST_F(NamesFromDatagrams, OtherPortsAreNoDns) {
  nameserver.answers = endpoint("192.0.2.53", 5353);
  ask(nameserver.answers);
  EXPECT_EQ(asked_name(), "name:");
}

// The owner of a name may let it lead to somebody else's address.
TEST_F(NamesFromDatagrams, FlowsOwnNameCountsMoreThanALearntOne) {
  start_with_nameserver();
  look_up("bank.example");
  look_up("evil.example");
  socket = tunnel_->connect(https);
  socket.send(tls_records(client_hello("bank.example")));
  EXPECT_EQ(asked_name(1), "name:bank.example");
  auto http = tunnel_->connect(endpoint("203.0.113.5", 80));
  http.send(bytes_of("GET / HTTP/1.1\r\nHost: bank.example\r\n\r\n"));
  EXPECT_EQ(asked_name(2), "name:bank.example");
}

TEST_F(NamesFromDatagrams, OwnNameOfAFlowThatWasKnownToDnsIsWaitedFor) {
  start_with_nameserver(proxy::NameMode::always);
  look_up("evil.example");
  socket = tunnel_->connect(https);
  const auto hello = tls_records(client_hello("bank.example"));
  socket.send(core::ByteView(hello).first(20));
  tunnel_->call([] {});
  socket.send(core::ByteView(hello).subspan(20));
  EXPECT_EQ(asked_name(), "name:bank.example");
}

TEST_F(NamesFromDatagrams, ApplicationThatMeansTheAddressGetsIt) {
  start_with_nameserver();
  look_up("evil.example");
  socket = tunnel_->connect(endpoint("203.0.113.5", 80));
  socket.send(bytes_of("GET / HTTP/1.1\r\nHost: 203.0.113.5\r\n\r\n"));
  EXPECT_EQ(asked_name(), "name:");
}

TEST_F(NamesFromDatagrams, AddressOfTwoNamesIsAskedForItselfAndTheNameOnlyIfThatIsForbidden) {
  start_with_nameserver();
  look_up("bank.example");
  look_up("evil.example");
  socket = tunnel_->connect(smtp);
  EXPECT_EQ(asked_name(1), "name:");
  upstream.refuse(Upstream::Refuses::addresses);
  auto second = tunnel_->connect(smtp);
  EXPECT_EQ(asked_name(2), "name:");
  EXPECT_EQ(asked_name(3), "name:evil.example");
}

TEST_F(NamesFromDatagrams, MetadataNameOfDnsIsDeniedToo) {
  start_with_nameserver();
  look_up("METADATA.google.internal");
  socket = tunnel_->connect(smtp);
  EXPECT_EQ(socket.wait_end(), Ending::reset);
  EXPECT_EQ(upstream.count(), 0U);
}

}  // namespace
}  // namespace tfunnel::test
