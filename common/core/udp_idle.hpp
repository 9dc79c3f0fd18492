// When a UDP flow is over, and which one can best be spared. UDP has no end of its own, so silence is one.
#pragma once

#include <boost/intrusive/list.hpp>

#include <array>
#include <chrono>
#include <cstdint>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// Two times, as in nf_conntrack: one for questions and answers, one for conversations.
struct UdpTimeouts {
  Duration unreplied = std::chrono::seconds(30);
  Duration stream = std::chrono::seconds(120);

  /// For the far end. If it waits longer than the client, it is the client who ends a silent flow, and so no datagram
  /// of the application's crosses the end of its flow and is lost.
  [[nodiscard]] UdpTimeouts with_patience() const;
};

using UdpIdleHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct UdpIdleTag>,
                                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// How one UDP flow was used so far. Leaves its list by itself when it is destroyed.
class UdpIdle : public UdpIdleHook {
 public:
  enum class Way : std::uint8_t { sent, received };

  /// A conversation, as nf_conntrack sees it (nf_conntrack_proto_udp.c): a datagram came or went later than 2 s after
  /// the flow began, when both ways had been used already. A question and its answer are none, however late.
  [[nodiscard]] bool is_stream() const { return stream_; }

 private:
  friend class UdpIdleList;
  Time first_;
  Time last_;
  bool sent_ = false;
  bool received_ = false;
  bool stream_ = false;
  bool holds_descriptor_ = false;
};

/// All UDP flows of a link, longest silent first. Nothing here takes longer when there are more flows.
class UdpIdleList {
 public:
  /// The flow begins, in silence. No effect if it stands in the list.
  void watch(UdpIdle& flow, Time now);
  static void forget(UdpIdle& flow);
  /// A datagram of the flow came or went. No effect if it does not stand in the list.
  void used(UdpIdle& flow, UdpIdle::Way way, Time now);
  /// To end the flow gives a descriptor back. No effect if it does not stand in the list.
  void holds_descriptor(UdpIdle& flow);

  [[nodiscard]] bool empty() const;
  /// A flow that has been silent for too long, or null.
  [[nodiscard]] UdpIdle* expired(Time now, const UdpTimeouts& timeouts);

  enum class Need : std::uint8_t { id, descriptor };
  /// The flow to end for one that has no room: of those that have been silent for quiet_time, the one whose time would
  /// be over first; else the longest silent. So a flow whose answer is under way stays while there is another, and a
  /// conversation stays longer than questions that were answered. Null: none gives what is needed, except `but`.
  [[nodiscard]] UdpIdle* dispensable(Time now, const UdpTimeouts& timeouts, Need need, const UdpIdle* but);

  static constexpr Duration quiet_time = std::chrono::seconds(2);

 private:
  using List = boost::intrusive::list<UdpIdle, boost::intrusive::base_hook<UdpIdleHook>,
                                      boost::intrusive::constant_time_size<false>>;
  List& list_of(const UdpIdle& flow) { return lists_[flow.holds_descriptor_ ? 1 : 0][flow.stream_ ? 1 : 0]; }
  void enter(UdpIdle& flow);

  // Each in the order of the last use; the first index: does it hold a descriptor; the second: is it a stream.
  std::array<std::array<List, 2>, 2> lists_;
};

}  // namespace tfunnel::core
