// Two muxes wired back to back in memory, and local ends that record all that happens to them.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/core/mux.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {

/// A flow's local end: sends what is queued, keeps what comes.
class End final : public core::FlowHandler {
 public:
  explicit End(core::Mux& mux) : mux_(mux) {}

  void bind(core::Flow& flow) { flow_ = &flow; }
  void send(core::ByteView bytes);
  /// Ends our direction behind what is queued.
  void finish();
  void reset(core::Reason reason);
  void close();
  void send_datagram(const core::Endpoint& peer, const Bytes& payload);
  /// Gives credit for up to `most` of the bytes that were held back; see `drains`.
  void drain(std::size_t most);

  [[nodiscard]] core::Flow* flow() const { return flow_; }
  [[nodiscard]] std::size_t datagrams_waiting() const { return out_datagrams_.size(); }
  [[nodiscard]] bool reset_with(core::Reason reason) const { return resets == std::vector{reason}; }
  /// How often the flow ended for this end, by whatever cause.
  [[nodiscard]] std::size_t ends() const { return finished + resets.size() + own_ends; }

  Bytes received;
  std::size_t held = 0;
  bool drains = true;  // grants credit for what arrives at once
  bool closes_on_fin = false;
  std::size_t most_at_once = std::numeric_limits<std::size_t>::max();  // the application never has more in its socket
  std::size_t least_allowance = std::numeric_limits<std::size_t>::max();  // but for what credit cut short
  std::size_t opens = 0;
  std::size_t fins = 0;
  std::size_t finished = 0;
  std::size_t own_ends = 0;
  std::vector<core::Reason> resets;
  std::string last_seen;
  std::vector<std::pair<core::Endpoint, Bytes>> datagrams;
  std::vector<std::pair<core::Endpoint, core::Reason>> datagram_errors;

  void on_opened(const core::Endpoint& local) override;
  void on_data(core::ByteView bytes) override;
  void on_fin() override;
  void on_reset(core::Reason reason) override;
  void on_finished() override;
  void on_datagram(const core::Endpoint& peer, core::ByteView payload) override;
  void on_datagram_error(const core::Endpoint& peer, core::Reason reason) override;
  core::Pulled pull(core::Batch& batch, std::size_t allowance, core::Time now) override;

 private:
  core::Pulled pull_datagrams(core::Batch& batch, std::size_t allowance);

  core::Mux& mux_;
  core::Flow* flow_ = nullptr;
  Bytes to_send_;
  std::size_t sent_ = 0;
  bool finish_asked_ = false;
  std::vector<std::pair<core::Endpoint, Bytes>> out_datagrams_;
};

/// One side of a tunnel without any link.
class Side final : core::LinkListener, core::FlowAcceptor {
 public:
  struct Terms {
    std::size_t cap = 128U << 20;
    std::size_t max_flows = 65'536;
    bool accepts = true;
    std::string software = "test";
    double link_rate = 0;
  };
  explicit Side(wire::Role role) : Side(role, Terms()) {}
  Side(wire::Role role, const Terms& terms);

  std::shared_ptr<End> open(const core::FlowRequest& request);
  /// The local end of a flow, as long as it has one of ours.
  End* end_of(const core::Flow& flow) { return dynamic_cast<End*>(flow.handler.get()); }
  /// All bytes that are due now, at most one full batch of them. Each call is a moment later than the last.
  Bytes fill(std::size_t capacity = 256U << 10);
  /// From here time is what is told, instead of going on with each fill().
  void at(core::Time now) {
    now_ = now;
    step_ = {};
  }
  /// Bytes from the far end. Unused ones are kept and come again.
  boost::system::error_code receive(core::ByteView bytes);

  core::MemoryBudget budget;
  core::Mux mux;
  /// Called with each accepted end; false refuses the flow as denied.
  std::function<bool(End&)> on_accept;
  std::vector<std::shared_ptr<End>> ends;     // all that ever were, in order
  std::map<core::FlowId, core::Flow*> flows;  // likewise, so most of these may be gone
  std::vector<wire::Hello> hellos;
  std::vector<wire::GoAway> go_aways;
  std::size_t no_memory = 0;  // flows that were refused for want of it
  std::vector<std::uint32_t> drains;
  std::vector<wire::Remaining> answers;
  std::vector<std::string> words;  // that came with Resets
  std::vector<core::Reach> reaches;

 private:
  void on_hello(const wire::Hello& hello) override { hellos.push_back(hello); }
  void on_go_away(const wire::GoAway& go_away) override { go_aways.push_back(go_away); }
  void on_no_memory(const core::FlowRequest& /*request*/) override { ++no_memory; }
  void on_drain(std::uint32_t number) override { drains.push_back(number); }
  void on_reach(const core::Reach& reach) override { reaches.push_back(reach); }
  void on_remaining(const wire::Remaining& remaining) override { answers.push_back(remaining); }
  void on_words(const core::FlowRequest& /*request*/, std::string said) override { words.push_back(std::move(said)); }
  std::shared_ptr<core::FlowHandler> accept(core::Flow& flow) override;

  Bytes in_;
  core::Time now_{std::chrono::hours(1)};
  // Longer than an Ack is put off, so that none is still to come when both sides are silent.
  core::Duration step_ = std::chrono::milliseconds(5);
};

/// The frames but for Acks, which come when it is time.
Bytes without_acks(const Bytes& frames);

core::FlowRequest tcp_request(std::uint16_t source_port = 1000);
core::FlowRequest udp_request(std::uint16_t source_port = 1000);

struct MuxPair {
  struct Strangers {};
  /// Neither has said anything.
  explicit MuxPair(Strangers) {}
  MuxPair() : MuxPair(Side::Terms(), Side::Terms()) {}
  MuxPair(const Side::Terms& client_terms, const Side::Terms& proxy_terms);

  /// Moves bytes in both directions until there are none. The errors, if any, fail the test.
  void run();
  /// One batch from one side to the other; false if there was nothing to move.
  bool step(Side& from, Side& to, std::size_t capacity = 256U << 10);
  /// Opens a flow and brings it to the far side; the pair of its ends, the client's first.
  std::pair<std::shared_ptr<End>, std::shared_ptr<End>> connect(const core::FlowRequest& request = tcp_request());

  Side client{wire::ROLE_CLIENT};
  Side proxy{wire::ROLE_PROXY};
};

}  // namespace tfunnel::test
