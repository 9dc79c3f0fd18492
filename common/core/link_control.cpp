#include "common/core/link_control.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "common/core/frame_rules.hpp"
#include "common/core/greeting.hpp"
#include "common/core/wire.hpp"

namespace tfunnel::core {

namespace {

// Of what we tell about ourselves: enough for a line in a log.
constexpr std::size_t longest_text = 1024;

/// Is it so much more or less that it is worth a frame?
bool differs(std::size_t credit, std::size_t told) {
  return credit != told && (credit * 2 <= told || credit >= told * 2);
}

}  // namespace

LinkControl::LinkControl(Self self) : self_(std::move(self)) {
  self_.software = wire_text(self_.software, longest_text);
  self_.max_flows = std::min<std::size_t>(self_.max_flows, std::numeric_limits<std::uint32_t>::max());
}

void LinkControl::begin_anew() {
  LinkControl anew(std::move(self_));
  anew.reach_ = reach_;
  *this = std::move(anew);
}

void LinkControl::repeat_greeting() {
  if (!hello_due_) repeat_due_ = true;
}

bool LinkControl::tell_reach(const Reach& reach) {
  if (self_.role != wire::ROLE_PROXY || reach == reach_) return false;
  reach_ = reach;
  reach_due_ = reach_due_ || !hello_due_;
  return reach_due_;
}

void LinkControl::go_away(wire::GoAway::Code code, const std::string& message) {
  wire::GoAway frame;
  frame.set_code(code);
  frame.set_message(wire_text(message, longest_text));
  go_away_due_ = std::move(frame);
}

bool LinkControl::has_output(bool hello_received) const {
  if (gone_away_) return false;
  return hello_due_ || repeat_due_ || (reach_due_ && hello_received) || ping_due_ || pong_due_ || drain_due_ ||
         remaining_due_ || go_away_due_;
}

wire::Hello LinkControl::hello(std::size_t initial_credit) const {
  wire::Hello hello;
  hello.set_software(self_.software);
  hello.set_role(self_.role);
  hello.set_initial_credit(static_cast<std::uint32_t>(initial_credit));
  hello.set_max_flows(static_cast<std::uint32_t>(self_.max_flows));
  hello.set_max_datagram(max_datagram_payload);
  hello.set_features(wire::FEATURE_DRAIN);
  if (self_.resolver) *hello.mutable_resolver() = to_wire(*self_.resolver);
  if (told_reach_.v4 || told_reach_.v6) reach_to_wire(told_reach_, *hello.mutable_families());
  return hello;
}

// The Hello ends the frame, so whoever began to listen at this greeting goes on with the next frame, as all others do.
bool LinkControl::fill_repeated_greeting(const Emit& emit) {
  wire::Frame said;
  *said.mutable_hello() = hello(told_initial_credit_);
  const auto start = greeting();
  std::vector<std::uint8_t> bytes(start.begin(), start.end());
  append_frame(bytes, said);
  wire::Frame frame;
  frame.mutable_repeated_greeting()->assign(bytes.begin(), bytes.end());
  if (!emit(frame)) return false;
  repeat_due_ = false;
  return true;
}

// A far end that missed our first greeting counts from a later one on, so until it has been heard nothing but Hello may
// be counted here either.
bool LinkControl::fill(const Emit& emit, const Situation& now) {
  if (hello_due_ && !fill_hello(emit, now.initial_credit)) return false;
  if (now.accepts_flows && differs(now.initial_credit, told_initial_credit_) && !fill_credit(emit, now.initial_credit))
    return false;
  if (reach_due_ && now.hello_received && !fill_reach(emit)) return false;
  return fill_signs_of_life(emit) && fill_farewell(emit);
}

bool LinkControl::fill_hello(const Emit& emit, std::size_t initial_credit) {
  told_reach_ = reach_;
  wire::Frame frame;
  *frame.mutable_hello() = hello(initial_credit);
  if (!emit(frame)) return false;
  hello_due_ = false;
  told_initial_credit_ = largest_told_credit_ = initial_credit;
  return true;
}

bool LinkControl::fill_credit(const Emit& emit, std::size_t initial_credit) {
  wire::Frame frame;
  frame.mutable_credit()->set_flow(0);
  frame.mutable_credit()->set_bytes(static_cast<std::uint32_t>(initial_credit));
  if (!emit(frame)) return false;
  told_initial_credit_ = initial_credit;
  largest_told_credit_ = std::max(largest_told_credit_, initial_credit);
  return true;
}

bool LinkControl::fill_reach(const Emit& emit) {
  wire::Frame frame;
  reach_to_wire(reach_, *frame.mutable_families());
  if (!emit(frame)) return false;
  reach_due_ = false;
  return true;
}

bool LinkControl::fill_signs_of_life(const Emit& emit) {
  wire::Frame frame;
  if (pong_due_) {
    frame.mutable_pong()->set_token(*pong_due_);
    if (!emit(frame)) return false;
    pong_due_.reset();
  }
  if (ping_due_) {
    frame.mutable_ping()->set_token(++ping_token_);
    if (!emit(frame)) return false;
    ping_due_ = false;
  }
  return true;
}

bool LinkControl::fill_farewell(const Emit& emit) {
  wire::Frame frame;
  if (drain_due_) {
    frame.mutable_drain()->set_number(*drain_due_);
    if (!emit(frame)) return false;
    drain_due_.reset();
  }
  if (remaining_due_) {
    *frame.mutable_remaining() = *remaining_due_;
    if (!emit(frame)) return false;
    remaining_due_.reset();
  }
  if (!go_away_due_) return true;
  *frame.mutable_go_away() = *go_away_due_;
  if (!emit(frame)) return false;
  go_away_due_.reset();
  gone_away_ = true;
  return false;
}

}  // namespace tfunnel::core
