// Names that only the upstream can resolve: an address is given for them, and the upstream is given the name.
#include <gtest/gtest.h>

#include "proxy/dns/dns_records.hpp"
#include "tests/integration/support/datagrams.hpp"
#include "tests/integration/support/tunnel.hpp"
#include "tests/integration/support/upstream.hpp"
#include "tests/unit/support/dns.hpp"
#include "tests/unit/support/first_bytes.hpp"

namespace tfunnel::test {
namespace {

using proxy::dns::Rcode;

class VirtualAddresses : public testing::Test {
 protected:
  void start(const std::function<void(Tunnel::Terms&)>& change = [](Tunnel::Terms&) {}) {
    Tunnel::Terms terms;
    terms.upstream = &upstream;
    terms.names.dns = {nameserver.local().text()};
    change(terms);
    tunnel_.emplace(over_pipes, terms);
    application_ = tunnel_->udp_application();
  }
  /// Asks for the name's address; the nameserver refuses, or says `real`.
  core::Address look_up(const std::string& name, std::uint16_t type = type_a) {
    const auto answer = ask(name, type);
    if (proxy::dns::count_answers(answer, type) != 1) return {};
    const auto size = type == type_a ? 4 : 16;
    return *core::Address::from_wire(
        {reinterpret_cast<const char*>(answer.data() + answer.size()) - size, static_cast<std::size_t>(size)});
  }
  Bytes ask(const std::string& name, std::uint16_t type) {
    const auto before = tunnel_->call([&] { return application_->datagrams.size(); });
    tunnel_->call([&] { application_->send(resolver, dns_query(name, type)); });
    const auto there = [&] {
      refuse();
      return tunnel_->call([&] { return application_->datagrams.size() > before; });
    };
    if (!eventually(there)) return Bytes(proxy::dns::header_size);
    return tunnel_->call([&] { return application_->datagrams.back().second; });
  }
  /// All that the nameserver has been asked.
  void refuse() {
    Bytes query(512);
    Letter letter;
    for (;;) {
      letter.from_size = sizeof letter.from;
      const auto size = ::recvfrom(nameserver.fd(), query.data(), query.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&letter.from), &letter.from_size);
      if (size < 0) return;
      const Bytes asked(query.begin(), query.begin() + size);
      answer_letter(nameserver, letter, proxy::dns::failure(asked, Rcode::refused));
    }
  }
  Socket connect(const core::Address& address, std::uint16_t port = 443) { return tunnel_->connect({address, port}); }

  Server server;
  Upstream upstream{server.endpoint()};
  Socket nameserver = bound_socket(SOCK_DGRAM);
  std::optional<Tunnel> tunnel_;
  std::shared_ptr<UdpApplication> application_;
};

TEST_F(VirtualAddresses, UpstreamIsGivenTheNameInBothFamilies) {
  start();
  std::size_t count = 0;
  for (const auto type : {type_a, type_aaaa}) {
    const auto address = look_up("www.example.com", type);
    ASSERT_EQ(address.is_v4(), type == type_a);
    auto socket = connect(address, 25);
    ASSERT_TRUE(upstream.asked(++count));
    EXPECT_EQ(upstream.asked(count)->name, "www.example.com");
  }
}

TEST_F(VirtualAddresses, NothingThatIsSentChangesTheName) {
  start();
  auto socket = connect(look_up("www.example.com"));
  socket.send(tls_records(client_hello("other.example.net")));
  ASSERT_TRUE(upstream.asked());
  EXPECT_EQ(upstream.asked()->name, "www.example.com");
}

TEST_F(VirtualAddresses, NameIsGivenAlsoWhereNoneAreLookedFor) {
  start([](Tunnel::Terms& terms) {
    terms.names.dns.emplace_back("virtual");
    terms.names.proxy_names = proxy::NameMode::never;
  });
  auto socket = connect(look_up("www.example.com"));
  ASSERT_TRUE(upstream.asked());
  EXPECT_EQ(upstream.asked()->name, "www.example.com");
}

TEST_F(VirtualAddresses, NobodyIsAskedWhereNamesAreNotWanted) {
  start([](Tunnel::Terms& terms) { terms.names.proxy_names = proxy::NameMode::never; });
  EXPECT_EQ(proxy::dns::count_answers(ask("www.example.com", type_a), type_a), 0U);
}

TEST_F(VirtualAddresses, AddressWithoutANameNeverGoesOut) {
  start();
  for (const auto* nobody : {"198.19.0.1", "fd0b:7edb:898f:2aef::1"}) {
    auto socket = connect(*core::Address::parse(nobody));
    EXPECT_EQ(socket.wait_end(), Ending::reset) << nobody;
  }
  EXPECT_EQ(upstream.count(), 0U);
}

TEST_F(VirtualAddresses, DatagramsAreRefusedAtOnce) {
  start();
  const auto v4 = look_up("www.example.com");
  const auto v6 = look_up("www.example.com", type_aaaa);
  std::size_t count = 0;
  for (const core::Endpoint& peer : {core::Endpoint{v4, 443}, {v6, 443}, {v4, 53}}) {
    tunnel_->call([&] { application_->send(peer, dns_query("www.example.com")); });
    ++count;
    ASSERT_TRUE(eventually([&] { return tunnel_->call([&] { return application_->errors.size() == count; }); }));
    tunnel_->call([&] { EXPECT_EQ(application_->errors.back(), std::pair(peer, core::Reason::refused)); });
  }
}

TEST_F(VirtualAddresses, NameIsKeptAsLongAsAFlowUsesIt) {
  start([](Tunnel::Terms& terms) {
    terms.names.virtual_limits.names = 2;
    terms.names.virtual_limits.addresses = 2;
    terms.names.virtual_limits.keep = core::Duration::zero();
    terms.names.virtual_limits.time_to_live = core::Duration::zero();
  });
  const auto used = look_up("used.example.com");
  auto socket = connect(used);
  server.accept();
  for (int i = 0; i < 4; ++i) EXPECT_NE(look_up("n" + std::to_string(i) + ".example.com"), used);
  auto another = connect(used);
  ASSERT_TRUE(upstream.asked(2));
  EXPECT_EQ(upstream.asked(2)->name, "used.example.com");
  another.reset();
  socket.reset();
  ASSERT_TRUE(eventually([&] { return tunnel_->proxy_flows() == 1; })) << "the resolver's";
  bool given_away = false;
  for (int i = 4; i < 8; ++i) given_away = given_away || look_up("n" + std::to_string(i) + ".example.com") == used;
  EXPECT_TRUE(given_away);
}

}  // namespace
}  // namespace tfunnel::test
