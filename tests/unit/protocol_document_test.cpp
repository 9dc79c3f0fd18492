// proto/PROTOCOL.md is a contract: what its example shows must be what the programs do.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/support/hex_example.hpp"
#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

const wire::Frame* control_of(const core::Parsed& parsed) {
  const auto* control = std::get_if<core::ControlFrame>(&parsed);
  return control == nullptr ? nullptr : &control->frame;
}

/// Opens the flows which the client of the example opens, so that the proxy's answers have a flow.
void open_flows(Side& client, const std::vector<core::Parsed>& frames) {
  for (const auto& parsed : frames) {
    const auto* frame = control_of(parsed);
    if (frame == nullptr || !frame->has_open()) continue;
    const bool tcp = frame->open().transport() == wire::TRANSPORT_TCP;
    const auto end = client.open(tcp ? tcp_request() : udp_request());
    ASSERT_EQ(end->flow()->id, frame->open().flow()) << "the example's ids are those that we would use";
  }
  client.fill();
}

Bytes frames_after_greeting(const Bytes& bytes) {
  // The example has no noise before the greeting.
  return {bytes.begin() + 16, bytes.end()};
}

TEST(Protocol, WorkedExampleInTheDocumentIsTrue) {
  std::ifstream document(TFUNNEL_SOURCE_DIR "/proto/PROTOCOL.md");
  ASSERT_TRUE(document) << "no proto/PROTOCOL.md";
  const auto example = read_hex_example(document);
  ASSERT_FALSE(example.client.empty()) << "no ```hex client block in proto/PROTOCOL.md";
  ASSERT_FALSE(example.proxy.empty()) << "no ```hex proxy block in proto/PROTOCOL.md";
  const auto client_frames = parse_stream(example.client);
  const auto proxy_frames = parse_stream(example.proxy);
  ASSERT_TRUE(control_of(client_frames.at(0)) != nullptr && control_of(client_frames[0])->has_hello());
  ASSERT_TRUE(control_of(proxy_frames.at(0)) != nullptr && control_of(proxy_frames[0])->has_hello());

  Side proxy(wire::ROLE_PROXY);
  proxy.fill();
  const auto proxy_error = proxy.receive(frames_after_greeting(example.client));
  EXPECT_FALSE(proxy_error) << "a proxy refuses the client's bytes: " << proxy_error.message();
  EXPECT_FALSE(proxy.ends.empty()) << "the example opens no flow";

  Side client(wire::ROLE_CLIENT, {.accepts = false});
  client.fill();
  const auto bytes = frames_after_greeting(example.proxy);
  const auto hello = std::get<core::ControlFrame>(proxy_frames[0]).size;
  ASSERT_FALSE(client.receive(core::ByteView(bytes).first(hello)));
  open_flows(client, client_frames);
  const auto client_error = client.receive(core::ByteView(bytes).subspan(hello));
  EXPECT_FALSE(client_error) << "a client refuses the proxy's bytes: " << client_error.message();
}

}  // namespace
}  // namespace tfunnel::test
