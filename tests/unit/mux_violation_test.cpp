// Everything a broken or hostile peer may say gives its own error, and never a crash.
#include <gtest/gtest.h>

#include "tests/unit/support/mux_pair.hpp"

namespace tfunnel::test {
namespace {

using core::ProtocolError;

wire::Frame hello(wire::Role role = wire::ROLE_CLIENT) {
  wire::Frame frame;
  frame.mutable_hello()->set_role(role);
  frame.mutable_hello()->set_initial_credit(65'536);
  frame.mutable_hello()->set_max_flows(100);
  return frame;
}

wire::Frame open(core::FlowId id, wire::Transport transport = wire::TRANSPORT_TCP, std::uint32_t early = 1000) {
  wire::Frame frame;
  auto& message = *frame.mutable_open();
  message.set_flow(id);
  message.set_transport(transport);
  message.set_credit(1000);
  message.set_early(early);
  core::endpoint_to_wire(endpoint("192.0.2.1", 1), *message.mutable_source());
  core::endpoint_to_wire(endpoint("192.0.2.2", 2), *message.mutable_destination());
  return frame;
}
wire::Frame udp_open(core::FlowId id) { return open(id, wire::TRANSPORT_UDP, 0); }

wire::Frame data(core::FlowId id, std::size_t size) {
  wire::Frame frame;
  frame.mutable_data()->set_flow(id);
  frame.mutable_data()->set_payload(std::string(size, 'x'));
  return frame;
}

wire::Frame datagram(core::FlowId id) {
  wire::Frame frame;
  frame.mutable_datagram()->set_flow(id);
  core::endpoint_to_wire(endpoint("192.0.2.2", 2), *frame.mutable_datagram()->mutable_peer());
  frame.mutable_datagram()->set_payload("x");
  return frame;
}

wire::Frame datagram_error(core::FlowId id) {
  wire::Frame frame;
  frame.mutable_datagram_error()->set_flow(id);
  core::endpoint_to_wire(endpoint("192.0.2.2", 2), *frame.mutable_datagram_error()->mutable_peer());
  return frame;
}

wire::Frame credit(core::FlowId id, std::uint32_t bytes) {
  wire::Frame frame;
  frame.mutable_credit()->set_flow(id);
  frame.mutable_credit()->set_bytes(bytes);
  return frame;
}

wire::Frame fin(core::FlowId id) {
  wire::Frame frame;
  frame.mutable_fin()->set_flow(id);
  return frame;
}

wire::Frame reset(core::FlowId id) {
  wire::Frame frame;
  frame.mutable_reset()->set_flow(id);
  return frame;
}

wire::Frame opened(core::FlowId id) {
  wire::Frame frame;
  frame.mutable_opened()->set_flow(id);
  return frame;
}

wire::Frame early_ping() {
  wire::Frame frame;
  frame.mutable_ping()->set_token(1);
  return frame;
}

wire::Frame ack(std::uint64_t bytes) {
  wire::Frame frame;
  frame.mutable_ack()->set_bytes(bytes);
  return frame;
}

template <class Change>
wire::Frame bad_open(const Change& change) {
  auto frame = open(1);
  change(*frame.mutable_open());
  return frame;
}

struct Violation {
  const char* name;
  std::vector<wire::Frame> frames;  // the last one is the fault
  ProtocolError error;
};

std::vector<Violation> violations() {
  using E = ProtocolError;
  return {
      {"PingBeforeHello", {early_ping()}, E::missing_hello},
      {"OpenBeforeHello", {open(1)}, E::missing_hello},
      {"DataBeforeHello", {data(1, 1)}, E::missing_hello},
      {"DatagramBeforeHello", {datagram(1)}, E::missing_hello},
      {"SecondHello", {hello(), hello()}, E::unexpected_hello},
      {"SameRole", {hello(wire::ROLE_PROXY)}, E::same_role},
      {"NoRole", {hello(wire::ROLE_UNSPECIFIED)}, E::malformed_frame},
      {"OpenWithIdZero", {hello(), open(0)}, E::bad_flow_id},
      {"OpenWithOurParity", {hello(), open(2)}, E::bad_flow_id},
      {"OpenOfALiveId", {hello(), open(1), open(1)}, E::bad_flow_id},
      {"OpenThatGoesBack", {hello(), open(5), open(3)}, E::bad_flow_id},
      {"OpenedForTheirOwnFlow", {hello(), open(1), opened(1)}, E::bad_flow_id},
      {"OpenedForNoFlow", {hello(), opened(2)}, E::unknown_flow},
      {"DataForNoFlow", {hello(), data(1, 1)}, E::unknown_flow},
      {"DatagramForNoFlow", {hello(), datagram(1)}, E::unknown_flow},
      {"DatagramErrorForNoFlow", {hello(), datagram_error(1)}, E::unknown_flow},
      {"FinForNoFlow", {hello(), fin(1)}, E::unknown_flow},
      {"CreditForNoFlow", {hello(), credit(1, 1)}, E::unknown_flow},
      {"ResetForNoFlow", {hello(), reset(1)}, E::unknown_flow},
      {"CreditForNoFlowOfOurs", {hello(), credit(2, 1)}, E::unknown_flow},
      {"TooManyFlows", {hello(), open(1), open(3), open(5), open(7), open(9)}, E::too_many_flows},
      {"DataBeyondTheEarlyCredit", {hello(), open(1, wire::TRANSPORT_TCP, 70'000)}, E::credit_overrun},
      {"DataBeyondTheWindow", {hello(), open(1), data(1, 500), data(1, 65'037)}, E::credit_overrun},
      {"CreditBeyondReason", {hello(), open(1), credit(1, 1U << 30)}, E::credit_overflow},
      {"DataAfterFin", {hello(), open(1), fin(1), data(1, 1)}, E::data_after_end},
      {"DatagramAfterFin", {hello(), udp_open(1), fin(1), datagram(1)}, E::data_after_end},
      {"SecondFin", {hello(), open(1), fin(1), fin(1)}, E::data_after_end},
      {"DataAfterReset", {hello(), open(1), reset(1), data(1, 1)}, E::data_after_end},
      {"OpenWithoutSource", {hello(), bad_open([](auto& o) { o.clear_source(); })}, E::bad_open},
      {"OpenWithoutDestination", {hello(), bad_open([](auto& o) { o.clear_destination(); })}, E::bad_open},
      {"OpenWithoutTransport", {hello(), bad_open([](auto& o) { o.clear_transport(); })}, E::bad_open},
      {"OpenWithAShortAddress",
       {hello(), bad_open([](auto& o) { o.mutable_destination()->set_address("abc"); })},
       E::bad_open},
      {"OpenWithABadPort", {hello(), bad_open([](auto& o) { o.mutable_source()->set_port(65'536); })}, E::bad_open},
      {"OpenWithHugeCredit", {hello(), bad_open([](auto& o) { o.set_credit(0xffff'ffff); })}, E::bad_open},
      {"DataOnUdp", {hello(), udp_open(1), data(1, 1)}, E::wrong_transport},
      {"CreditOnUdp", {hello(), udp_open(1), credit(1, 1)}, E::wrong_transport},
      {"DatagramOnTcp", {hello(), open(1), datagram(1)}, E::wrong_transport},
      {"AckOfMoreThanWasSent", {hello(), ack(1'000'000)}, E::malformed_frame},
      {"DatagramErrorOnTcp", {hello(), open(1), datagram_error(1)}, E::malformed_frame},
  };
}

class MuxViolation : public testing::TestWithParam<Violation> {};

TEST_P(MuxViolation, GivesItsError) {
  const auto& violation = GetParam();
  Side proxy(wire::ROLE_PROXY, {.max_flows = 4});
  proxy.fill();
  for (std::size_t i = 0; i + 1 < violation.frames.size(); ++i) {
    const auto error = proxy.receive(delimited(violation.frames[i]));
    ASSERT_FALSE(error) << "frame " << i << ": " << error.message();
  }
  EXPECT_EQ(proxy.receive(delimited(violation.frames.back())), violation.error);
  proxy.mux.abandon();
  for (const auto& end : proxy.ends) EXPECT_EQ(end->ends(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Each, MuxViolation, testing::ValuesIn(violations()),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(MuxViolations, FlowsTowardsAClientThatTakesNone) {
  Side client(wire::ROLE_CLIENT, {.accepts = false});
  client.fill();
  ASSERT_FALSE(client.receive(delimited(hello(wire::ROLE_PROXY))));
  EXPECT_EQ(client.receive(delimited(open(2))), ProtocolError::wrong_direction);
}

TEST(MuxViolations, FramesOfANewerPeerAreNoViolation) {
  Side proxy(wire::ROLE_PROXY);
  proxy.fill();
  ASSERT_FALSE(proxy.receive(delimited(hello())));
  EXPECT_FALSE(proxy.receive(delimited(std::string("\xa2\x06\x03zzz", 6))));
  EXPECT_FALSE(proxy.receive(Bytes{0, 0, 0}));
}

TEST(MuxViolations, EachErrorHasAMessageOfItsOwn) {
  std::vector<std::string> seen;
  for (int value = 1; value <= static_cast<int>(ProtocolError::wrong_transport); ++value) {
    const auto text = make_error_code(static_cast<ProtocolError>(value)).message();
    EXPECT_EQ(std::count(seen.begin(), seen.end(), text), 0) << text;
    EXPECT_NE(text, "unknown protocol error");
    seen.push_back(text);
  }
}

TEST(MuxViolations, RandomFramesNeverCrash) {
  Random random(6);
  for (int round = 0; round < 300; ++round) {
    Side proxy(wire::ROLE_PROXY, {.max_flows = 8});
    proxy.fill();
    ASSERT_FALSE(proxy.receive(delimited(hello())));
    for (int i = 0; i < 60; ++i) {
      const auto id = static_cast<core::FlowId>(2 * random.below(3) + 1 + 2 * static_cast<std::size_t>(i) / 10);
      const std::vector<wire::Frame> choice{open(id),       udp_open(id),      data(id, random.below(300)),
                                            datagram(id),   fin(id),           reset(id),
                                            credit(id, 10), datagram_error(id)};
      if (proxy.receive(delimited(choice[random.below(choice.size())]))) break;
      if (random.one_in(4)) proxy.fill();
      if (random.one_in(6) && !proxy.ends.empty() && proxy.ends.back()->flow() != nullptr) proxy.ends.back()->finish();
    }
    proxy.mux.abandon();
    for (const auto& end : proxy.ends) ASSERT_EQ(end->ends(), 1U);
  }
}

}  // namespace
}  // namespace tfunnel::test
