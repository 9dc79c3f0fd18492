// A flow: one TCP connection, or one UDP source, inside the tunnel.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/core/batch.hpp"
#include "common/core/credit.hpp"
#include "common/core/datagram_errors.hpp"
#include "common/core/datagram_queue.hpp"
#include "common/core/flow_request.hpp"
#include "common/core/last_call.hpp"
#include "common/core/reason.hpp"
#include "common/core/scheduler.hpp"
#include "common/core/udp_idle.hpp"
#include "common/core/undelivered.hpp"

namespace tfunnel::core {

/// The result of a pull.
struct Pulled {
  std::size_t bytes = 0;     // payload put into the batch
  bool more = false;         // there is or may be more at once
  std::size_t overhead = 0;  // counts as sent for the turn, so that empty datagrams take turns too
  bool batch_full = false;   // nothing more fits; the flow keeps its turn
  std::size_t next = 0;      // `more` is a datagram of this size, which was too large for the allowance
};

/// The local end of a flow: a socket, or a UDP source. The mux calls it; it never calls back with a
/// flow after on_finished() or on_reset(), for the flow is gone then.
class FlowHandler {
 public:
  FlowHandler() = default;
  FlowHandler(const FlowHandler&) = delete;
  FlowHandler& operator=(const FlowHandler&) = delete;
  virtual ~FlowHandler() = default;

  /// The far connection is made; `local` is its address there.
  virtual void on_opened(const Endpoint& local) { static_cast<void>(local); }
  /// TCP payload, in order, any number of bytes at a time. `bytes` is void after the call.
  virtual void on_data(ByteView bytes) { static_cast<void>(bytes); }
  /// A descriptor that payload may be moved into at this moment instead of on_data(), or -1. Moved bytes are told by
  /// on_moved().
  virtual int payload_descriptor() { return -1; }
  /// That descriptor takes no more now: another one to move payload into meanwhile, or -1.
  virtual int payload_diversion() { return -1; }
  virtual void on_moved(std::size_t bytes) { static_cast<void>(bytes); }
  /// There was no memory for what on_data() brought: ends its flow, or returns false if it cannot.
  virtual bool on_no_memory() { return false; }
  /// The far end sends no more. A UDP flow is over then, and so it is when the mux calls this for one that was silent
  /// too long or must give way.
  virtual void on_fin() {}
  /// The far end broke the flow off. The flow is gone.
  virtual void on_reset(Reason reason) = 0;
  /// Both directions ended in order and the flow is gone; what on_data() brought may still drain.
  virtual void on_finished() {}
  /// The link has ended, and with it the flow. Bytes that on_data() brought may still drain if on_fin() came, too.
  virtual void on_link_end() { on_reset(Reason::cancelled); }
  /// The link is to end: bytes that the application has sent by now still count, later ones do not. May come
  /// again, which changes nothing.
  virtual void last_call(LastCall::Terms terms) { static_cast<void>(terms); }
  /// The data that still counts, and is not in a batch yet. REQUIRES: last_call() was called.
  [[nodiscard]] virtual Undelivered unsent(Time now) {
    static_cast<void>(now);
    return {};
  }
  virtual void on_datagram(const Endpoint& peer, ByteView payload) {
    static_cast<void>(peer);
    static_cast<void>(payload);
  }
  virtual void on_datagram_error(const Endpoint& peer, Reason reason) {
    static_cast<void>(peer);
    static_cast<void>(reason);
  }
  /// It is this flow's turn: put up to `allowance` bytes of payload into the batch. A datagram that does not fit into
  /// the allowance stays where it is; it costs its payload and max_datagram_header.
  virtual Pulled pull(Batch& batch, std::size_t allowance, Time now) = 0;
  /// A few words for the flow table ("connecting", "12 KiB buffered").
  [[nodiscard]] virtual std::string describe() const { return {}; }
};

using ControlHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct ControlTag>,
                                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// One side's knowledge of a flow: facts, not states. Owned by the mux, which alone changes them.
///
/// A direction has ended when its Fin or Reset was sent, or received. When both have, the id is free
/// at once at both ends: what either side sent before it knew so (a Credit, a Reset) comes before
/// any new use of the id, because the link keeps order.
struct Flow : Turn, ControlHook, UdpIdle {
  Flow(FlowId id_, const FlowRequest& request_, MemoryBudget& budget, std::size_t granted)
      : id(id_),
        request(request_),
        window(request_.transport == Transport::tcp ? ReceiveWindow(budget, granted) : ReceiveWindow(budget)),
        errors_due(budget.services()) {}

  const FlowId id;
  const FlowRequest request;
  /// Null once the local end is gone and only the far end's answer is awaited.
  std::shared_ptr<FlowHandler> handler;

  std::uint64_t send_credit = 0;
  /// The size of the datagram which the flow waits for a turn with, if that is a large one.
  std::size_t next_datagram = 0;
  ReceiveWindow window;

  bool end_sent = false;
  bool end_received = false;
  /// It has, or may have, something to send; it stands in the ring when there is credit as well.
  bool ready = false;
  bool far_connected = false;
  /// It left the ring because its credit was used up, so it is no sparse flow when it returns.
  bool out_of_credit = false;
  std::optional<Reason> reset_received;

  // To be said by the next control frames.
  bool open_due = false;
  bool fin_due = false;
  std::optional<Endpoint> opened_due;
  std::optional<Reason> reset_due;
  std::unique_ptr<std::string> words_due;  // with it, if there are any
  std::size_t credit_due = 0;
  DatagramErrors errors_due;

  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};

}  // namespace tfunnel::core
