// Seeds from real conversations: each target starts where interesting bytes are, not at random ones.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "common/core/greeting.hpp"
#include "tests/unit/support/dns.hpp"
#include "tests/unit/support/first_bytes.hpp"
#include "tests/unit/support/mux_pair.hpp"

using namespace tfunnel;
using test::Bytes;
using test::operator+;

namespace {

void write(const std::filesystem::path& path, const Bytes& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// The talk of a client and a proxy over a few flows of each kind, without their Hellos.
std::pair<Bytes, Bytes> conversation() {
  test::MuxPair pair;
  pair.proxy.on_accept = [](test::End& end) { return end.flow()->request.source.port != 13; };
  Bytes from_client;
  Bytes from_proxy;
  const auto run = [&] {
    for (int i = 0; i < 4; ++i) {
      const auto to_proxy = pair.client.fill();
      test::append(from_client, to_proxy);
      static_cast<void>(pair.proxy.receive(to_proxy));
      const auto to_client = pair.proxy.fill();
      test::append(from_proxy, to_client);
      static_cast<void>(pair.client.receive(to_client));
    }
  };
  const auto near = pair.client.open(test::tcp_request());
  near->send(test::pattern(50));
  near->finish();
  pair.client.open(test::tcp_request(13));
  const auto udp = pair.client.open(test::udp_request());
  udp->send_datagram(test::endpoint("192.0.2.3", 53), test::pattern(20));
  run();
  const auto& far = *pair.proxy.ends.at(0);
  pair.proxy.mux.opened(*far.flow(), test::endpoint("192.0.2.9", 9));
  pair.proxy.ends[0]->send(test::pattern(30));
  pair.proxy.ends[0]->finish();
  pair.proxy.mux.datagram_error(*pair.proxy.ends[1]->flow(), test::endpoint("2001:db8::1", 5), core::Reason::refused);
  pair.client.mux.ping();
  run();
  udp->close();
  near->flow() != nullptr ? near->reset(core::Reason::peer_reset) : void();
  pair.client.mux.go_away(wire::GoAway::CODE_SHUTDOWN, "terminated");
  run();
  return {from_client, from_proxy};
}

void write_names(const std::filesystem::path& folder) {
  const auto hello = test::client_hello("www.example.com");
  write(folder / "fuzz_sniffer/hello", test::tls_records(hello));
  write(folder / "fuzz_sniffer/hello_in_records", test::tls_records(hello, 40));
  write(folder / "fuzz_sniffer/hello_without_name", test::tls_records(test::client_hello("")));
  write(folder / "fuzz_sniffer/request",
        test::bytes_of("GET / HTTP/1.1\r\nAccept: */*\r\nHost: www.example.com:80\r\n\r\n"));
  const auto framed = [](const Bytes& message) {
    return Bytes{static_cast<std::uint8_t>(message.size() >> 8), static_cast<std::uint8_t>(message.size())} + message;
  };
  const auto query = test::dns_query("www.example.com", test::type_a, 1, 1232);
  const auto answer = test::dns_answer(test::dns_query("www.example.com", test::type_a, 1),
                                       {{"www.example.com", test::type_cname, 60, test::dns_name("x.example")},
                                        {"x.example", test::type_a, 60, {192, 0, 2, 1}}});
  const auto six = test::dns_answer(test::dns_query("six.example", test::type_aaaa, 2),
                                    {{"six.example", test::type_aaaa, 60, Bytes(16, 32)}});
  write(folder / "fuzz_dns/query_and_answer", framed(query) + framed(answer));
  write(folder / "fuzz_dns/two_answers", framed(answer) + framed(six));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make_seeds FOLDER\n";
    return 1;
  }
  const std::filesystem::path folder = argv[1];
  write_names(folder);
  const auto [from_client, from_proxy] = conversation();
  write(folder / "fuzz_frames/from_client", from_client);
  write(folder / "fuzz_frames/from_proxy", from_proxy);
  write(folder / "fuzz_frames/unknown_fields",
        test::bytes_of(std::string("\x0d\x22\x0b\x38\x05\x4a\x01z\x08\x0b\x7a\x02zz", 14)));
  write(folder / "fuzz_frames/unknown_kind_and_empty", test::bytes_of(std::string("\x06\xa2\x06\x03zzz\x00\x00", 9)));
  // The first byte: proxy or client, and the size of the pieces.
  write(folder / "fuzz_mux/client_talks_whole", Bytes{0xfe} + from_client);
  write(folder / "fuzz_mux/client_talks_in_pieces", Bytes{0x06} + from_client);
  write(folder / "fuzz_mux/proxy_talks", Bytes{0xff} + from_proxy);
  const auto greeting = core::greeting();
  const Bytes hello(greeting.begin(), greeting.end());
  const Bytes half(hello.begin(), hello.begin() + 9);
  write(folder / "fuzz_greeting/plain", hello);
  write(folder / "fuzz_greeting/banner", test::bytes_of("Last login: today\r\n") + hello + from_client);
  write(folder / "fuzz_greeting/false_start", half + half + hello);
  write(folder / "fuzz_greeting/too_much_noise", Bytes(70'000, 'n'));
}
