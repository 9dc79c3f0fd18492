// A mux of either role, fed with anything behind its peer's Hello: it stays consistent, bounded and alive.
#include <cstdlib>

#include "common/core/mux.hpp"

using namespace tfunnel::core;
namespace wire = tfunnel::wire;

namespace {

struct Handler : FlowHandler {
  explicit Handler(int& ends_) : ends(ends_) { ++ends; }
  void on_reset(Reason) override { --ends; }
  void on_finished() override { --ends; }
  Pulled pull(Batch& batch, std::size_t allowance, Time) override {
    if (flow->request.transport == Transport::udp) return {};
    const auto room = batch.data_room(std::min<std::size_t>(allowance, 100));
    if (room.empty()) return {.more = true, .batch_full = true};
    std::fill(room.begin(), room.end(), std::uint8_t{1});
    batch.commit_data(flow->id, room.size());
    return {.bytes = room.size()};
  }
  int& ends;
  Flow* flow = nullptr;
};

struct End : LinkListener, FlowAcceptor {
  explicit End(wire::Role role) : mux({role, 16, "fuzz", {}, 0, {}}, budget, *this, this) {}
  void on_hello(const wire::Hello&) override {}
  void on_go_away(const wire::GoAway&) override {}
  std::shared_ptr<FlowHandler> accept(Flow& flow) override {
    auto handler = std::make_shared<Handler>(live);
    handler->flow = &flow;
    mux.ready(flow);
    return handler;
  }
  MemoryBudget budget{1U << 20};
  int live = 0;
  Mux mux;
};

void say_hello(Mux& mux, wire::Role role) {
  wire::Frame frame;
  frame.mutable_hello()->set_role(role);
  frame.mutable_hello()->set_initial_credit(1000);
  frame.mutable_hello()->set_max_flows(16);
  std::vector<std::uint8_t> bytes;
  append_frame(bytes, frame);
  if (!mux.receive(bytes, Time())) std::abort();
}

}  // namespace

// The first byte chooses the role, and how often the mux may write in between.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool client = (data[0] & 1) != 0;
  const std::size_t piece = 1 + data[0] / 2;
  const ByteView bytes(data + 1, size - 1);
  End end(client ? wire::ROLE_CLIENT : wire::ROLE_PROXY);
  Batch batch;
  end.mux.fill(batch, Time());
  say_hello(end.mux, client ? wire::ROLE_PROXY : wire::ROLE_CLIENT);
  std::size_t at = 0;
  for (std::size_t until = 0; until < bytes.size();) {
    until = std::min(until + piece, bytes.size());
    const auto used = end.mux.receive(bytes.subspan(at, until - at), Time());
    if (!used) break;
    at += *used;
    batch.consume(batch.size());
    end.mux.fill(batch, Time());
    if (end.mux.flow_count() > 16) std::abort();
  }
  end.mux.abandon();
  if (end.live != 0 || end.mux.flow_count() != 0) std::abort();
  return 0;
}
