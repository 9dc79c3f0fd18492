// All flows of one link: pure decisions, driven by bytes, by flows and by a time that is passed in.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <functional>
#include <memory>
#include <string>

#include "common/core/acknowledger.hpp"
#include "common/core/flow.hpp"
#include "common/core/flow_ids.hpp"
#include "common/core/incoming_payload.hpp"
#include "common/core/link_control.hpp"
#include "common/core/pacer.hpp"
#include "common/core/reach.hpp"
#include "common/core/resolver_hints.hpp"

namespace tfunnel::core {

/// Decides about flows that the far end opens.
class FlowAcceptor {
 public:
  FlowAcceptor() = default;
  FlowAcceptor(const FlowAcceptor&) = delete;
  FlowAcceptor& operator=(const FlowAcceptor&) = delete;
  virtual ~FlowAcceptor() = default;
  /// Returns the flow's local end, or null to refuse it as denied. It may reset the flow at once.
  virtual std::shared_ptr<FlowHandler> accept(Flow& flow) = 0;
};

/// Hears what the far end says about the link itself.
class LinkListener {
 public:
  LinkListener() = default;
  LinkListener(const LinkListener&) = delete;
  LinkListener& operator=(const LinkListener&) = delete;
  virtual ~LinkListener() = default;
  virtual void on_hello(const wire::Hello& hello) = 0;
  virtual void on_go_away(const wire::GoAway& go_away) = 0;
  /// A flow is refused because there is no memory for it.
  virtual void on_no_memory(const FlowRequest& request) { static_cast<void>(request); }
  /// It wants to end the link, and to be told what is left to deliver.
  virtual void on_drain(std::uint32_t number) { static_cast<void>(number); }
  virtual void on_remaining(const wire::Remaining& remaining) { static_cast<void>(remaining); }
  /// It broke a flow off, and says in words of its own why: printable, and not long.
  virtual void on_words(const FlowRequest& request, std::string words) {  // NOLINT(performance-unnecessary-value-param)
    static_cast<void>(request);
    static_cast<void>(words);
  }
  /// The list of its host's routes has changed. The first list, in its Hello, comes by on_hello().
  virtual void on_reach(const Reach& reach) { static_cast<void>(reach); }
};

struct Counters {
  std::uint64_t flows_opened = 0;
  std::uint64_t bytes_sent = 0;  // payload of Data and Datagram
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent_moved = 0;  // of these, what no copy was made of
  std::uint64_t bytes_received_moved = 0;
  std::uint64_t datagrams_dropped = 0;
  std::uint64_t datagrams_refused = 0;  // answered with an error, because no way out takes them
  std::uint64_t errors_dropped = 0;     // about datagrams, of a flow that had too many to tell already
  std::uint64_t frames_left_out = 0;    // control frames that the far end would have refused
  std::uint64_t flows_spared = 0;       // UDP flows that gave way
};

/// The state of one link's multiplexing. Both ends use the same class.
///
/// Handlers may call any function of the flows' part from within their callbacks. Nothing is sent
/// from there: frames are only made in fill(), when the link can take them, so a flow's control
/// frames merge (ten Credits become one) and memory stays bounded when the far end does not read.
class Mux {
 public:
  struct Settings {
    wire::Role role = wire::ROLE_CLIENT;
    std::size_t max_flows = 65'536;
    std::string software;
    UdpTimeouts udp_timeouts = {};
    double link_rate = 0;                   // what the pacer begins from; see Pacer
    std::optional<ResolverHints> resolver;  // told in Hello
    /// Called for each flow that is over, with the far end's reason if that broke it off. It must not call the mux.
    std::function<void(const Flow&, std::optional<Reason>)> on_over = {};
  };

  /// `budget`, `listener` and `acceptor` must outlive the mux; without acceptor all flows that the
  /// far end opens are a protocol error.
  Mux(Settings settings, MemoryBudget& budget, LinkListener& listener, FlowAcceptor* acceptor);
  ~Mux();
  Mux(const Mux&) = delete;
  Mux& operator=(const Mux&) = delete;

  // --- the link's part ---

  /// Bytes from the link, starting where the last call stopped. Returns how many were used; the rest
  /// must come again with more behind it. Errors: ProtocolError, after which the link is unusable.
  boost::system::result<std::size_t> receive(ByteView bytes, Time now);
  /// Payload of a Data frame that has not arrived yet; 0 between frames.
  [[nodiscard]] std::size_t payload_left() const { return payload_.left(); }
  /// The largest payload of the Data frames that began in the last receive(); 0 if none did.
  [[nodiscard]] std::size_t largest_payload() const { return payload_.largest(); }
  /// The size of the last Data header, to guess the next one's by.
  [[nodiscard]] std::size_t data_header_size() const { return payload_.header_size(); }
  /// A descriptor to move that payload into, or -1 if it must come by receive().
  [[nodiscard]] int payload_descriptor() const;
  /// Another one, since that one takes no more now; or -1.
  [[nodiscard]] int payload_diversion() const;
  /// `bytes` of it were moved there. REQUIRES: bytes <= payload_left().
  void payload_moved(std::size_t bytes, Time now);
  /// Fills the batch with all that is due: control frames first, then the flows in turn, as far as the
  /// pacer lets them. All that it puts there counts as sent.
  void fill(Batch& batch, Time now);
  /// True if fill() would (probably) put something into an empty batch.
  [[nodiscard]] bool has_output() const;
  /// When fill() is due although nothing else happens (an Ack, or a flow that was held back), if at all.
  [[nodiscard]] std::optional<Time> deadline() const;
  /// Called whenever output may have appeared; it should cause a fill() soon, not from within.
  void on_output(std::function<void()> wake) { wake_ = std::move(wake); }
  /// The link is gone, and every flow with it.
  void abandon();
  /// The link is gone, another will take its place, and flows stay: all that is told, counted and measured of a link
  /// begins anew. REQUIRES: payload_left() == 0.
  void begin_anew();

  /// Says greeting and Hello once more, before all else that is due, in a frame that a far end skips which has heard
  /// them, and in which one that still searches finds them. No effect before Hello went out.
  /// REQUIRES: the far end's Hello was not received, or this is the first call after it and nothing was sent since.
  void repeat_greeting();
  void ping();
  /// REQUIRES: peer_drains(). It goes before the flows' own data, so the data that it asks about is in batches already.
  void drain(std::uint32_t number);
  /// The newest answer counts.
  void tell(const wire::Remaining& remaining);
  /// The far end understands Drain. REQUIRES: Hello was received.
  [[nodiscard]] bool peer_drains() const { return (peer_features_ & wire::FEATURE_DRAIN) != 0; }
  /// The networks that this host has routes to. Said in Hello, or, once that has gone out, when they are new. A list
  /// that another one follows soon may not be said at all. No effect for a client.
  void tell_reach(const Reach& reach);
  /// Flows that the far end opens from now on are refused.
  void accept_no_more() { accepts_ = false; }
  /// Some flow's Open, Fin, Reset or the like is not in a batch yet.
  [[nodiscard]] bool control_waits() const { return !control_.empty(); }
  /// Nothing follows a GoAway.
  void go_away(wire::GoAway::Code code, const std::string& message);

  // --- the flows' part ---

  /// A new flow to the far end, or null if there are too many, or no memory for one (which the listener hears).
  /// REQUIRES: Hello was received.
  Flow* open(const FlowRequest& request, std::shared_ptr<FlowHandler> handler);
  /// No such flow can be opened now. The last few places are for UDP, which makes room for itself.
  [[nodiscard]] bool full(Transport transport) const;
  /// To be called before open(): when few places are left, the UDP flow that can best be spared is ended. Its place is
  /// free when the far end has answered, so this begins early.
  void make_room(Time now);
  /// The connection asked for is made.
  void opened(Flow& flow, const Endpoint& local);
  /// It has something to send.
  void ready(Flow& flow);
  /// `bytes` of what on_data() brought have reached their destination.
  void drained(Flow& flow, std::size_t bytes);
  /// It sends no more.
  void finish(Flow& flow);
  /// The local end of a UDP flow is over; its handler is released.
  void close(Flow& flow);
  /// Breaks the flow off; its handler is released. `words` are for a person at the far end, and may be empty.
  void reset(Flow& flow, Reason reason, std::string_view words = {});
  /// The same, for want of memory.
  void refuse(Flow& flow);
  /// A datagram to `peer` could not be delivered; told in the flow's turn, and only once until then.
  void datagram_error(Flow& flow, const Endpoint& peer, Reason reason);
  /// The largest datagram from or to `peer` that can be sent to the far end and passed on there. A larger one is to be
  /// dropped where it comes in.
  [[nodiscard]] std::size_t largest_datagram(const Endpoint& peer) const;

  /// From here on a UDP flow is ended, by FlowHandler::on_fin(), when it is silent for too long or must give way. No
  /// effect the second time.
  void watch(Flow& flow, Time now);
  /// A datagram of it came or went.
  void used(Flow& flow, UdpIdle::Way way, Time now) { udp_flows_.used(flow, way, now); }
  /// Its local end has a descriptor.
  void holds_descriptor(Flow& flow) { udp_flows_.holds_descriptor(flow); }
  /// Ends the UDP flows that have been silent for too long; true if others are left.
  bool end_silent_flows(Time now);
  /// Ends the UDP flow that can best be spared (UdpIdleList::dispensable()), never `but`; false: there is none.
  bool spare_udp_flow(Time now, UdpIdleList::Need need, const Flow* but = nullptr);
  /// Called when there is a first UDP flow that may fall silent.
  void on_udp(std::function<void()> heard) { on_udp_ = std::move(heard); }

  [[nodiscard]] MemoryBudget& budget() { return budget_; }
  [[nodiscard]] Counters& counters() { return counters_; }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::size_t flow_count() const { return flows_.size(); }
  void for_each_flow(const std::function<void(const Flow&)>& visit) const;

  [[nodiscard]] const Pacer& pacer() const { return pacer_; }
  /// For tests: the id before the first one that open() will use.
  void start_ids_after(FlowId last) { local_ids_.start_after(last); }

 private:
  using Error = boost::system::error_code;
  using Flows = boost::unordered_flat_map<FlowId, std::unique_ptr<Flow>>;
  using ControlList = boost::intrusive::list<Flow, boost::intrusive::base_hook<ControlHook>,
                                             boost::intrusive::constant_time_size<false>>;

  // mux_receive.cpp
  std::shared_ptr<FlowHandler> accept(Flow& flow);
  void take_payload(ByteView bytes);
  void count_payload(std::size_t bytes);
  boost::system::result<std::size_t> receive_frames(ByteView bytes, Time now);
  Error on_frame(const wire::Frame& frame, Time now);
  Error on_ack(const wire::Ack& ack, Time now);
  void count_received(std::size_t bytes, bool worth_an_ack, Time now);
  Error on_hello(const wire::Hello& hello);
  Error on_open(const wire::Open& open);
  Error on_opened(const wire::Opened& opened);
  Error on_data_header(const DataHeader& header);
  Error on_datagram(const DatagramHeader& header, ByteView payload);
  Error on_datagram_error(const wire::DatagramError& error);
  Error on_credit(const wire::Credit& credit);
  Error on_fin(FlowId id);
  Error on_reset(const wire::Reset& frame);
  /// A live flow; or none with an error if the id was never used, or may not be used any more.
  boost::system::result<Flow*> find(FlowId id, bool may_be_late);
  [[nodiscard]] Error check_received(wire::Frame::KindCase kind, const Flow& flow) const;

  // mux_fill.cpp
  bool emit(Batch& batch, const wire::Frame& frame, const Flow* flow = nullptr);
  void fill_repeated_greeting(Batch& batch);
  void fill_frames(Batch& batch, Time now);
  void fill_ack(Batch& batch, Time now);
  bool fill_link_control(Batch& batch);
  bool fill_flow_control(Batch& batch);
  bool fill_control_of(Flow& flow, Batch& batch);
  bool fill_errors_of(Flow& flow, Batch& batch, std::size_t allowance, std::size_t& used);
  bool fill_turn(Turn& turn, Batch& batch, Time now);
  bool fill_turn_of(Flow& flow, Batch& batch, std::size_t allowance, Time now);
  std::size_t allowance_of(const Flow& flow, std::size_t paced) const;
  std::size_t pace(const Turn& turn, const Batch& batch, Time now);
  bool add_open(const Flow& flow, Batch& batch);

  // mux.cpp
  [[nodiscard]] bool is_local(FlowId id) const { return (id & 1U) == local_parity(); }
  [[nodiscard]] FlowId local_parity() const { return settings_.role == wire::ROLE_CLIENT ? 1 : 0; }
  FlowId allocate_id();
  Flow& add_flow(FlowId id, const FlowRequest& request, std::size_t granted);
  void control_due(Flow& flow);
  void enter_ring(Flow& flow);
  void end_sending(Flow& flow);
  void release_if_over(Flow& flow);
  void tell_over(const Flow& flow) const;
  void wake();
  [[nodiscard]] std::size_t flow_limit() const { return std::min(settings_.max_flows, peer_max_flows_); }
  void end_udp(UdpIdle& idle);

  Settings settings_;
  MemoryBudget& budget_;
  LinkListener& listener_;
  FlowAcceptor* acceptor_;
  bool accepts_ = true;
  std::function<void()> wake_;
  std::function<void()> on_udp_;
  Counters counters_;

  Flows flows_;
  FlowIds local_ids_;
  FlowIds peer_ids_;
  UdpIdleList udp_flows_;
  Scheduler scheduler_;
  Pacer pacer_;
  Acknowledger acknowledger_;
  std::size_t batch_before_ = 0;  // the batch's size when fill() began
  bool paced_ = false;            // the last fill() stopped because enough is in flight
  std::optional<Time> paced_until_;
  ControlList control_;

  // The far end's terms.
  bool hello_received_ = false;
  std::size_t peer_initial_credit_ = 0;
  std::size_t peer_max_flows_ = 0;
  std::size_t peer_max_datagram_ = default_max_datagram;
  std::uint64_t peer_features_ = 0;

  LinkControl link_;
  IncomingPayload payload_;
};

}  // namespace tfunnel::core
