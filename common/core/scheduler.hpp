// Whose turn it is on the link.
#pragma once

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>

namespace tfunnel::core {

/// A flow's place in the ring. Leaves the ring by itself when it is destroyed.
class Turn : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  /// True while it stands in the ring.
  [[nodiscard]] bool waiting() const { return is_linked(); }

 private:
  friend class Scheduler;
  enum class Kind : std::uint8_t { sparse, bulk, large };
  std::int64_t deficit_ = 0;
  Kind kind_ = Kind::sparse;
};

/// Deficit round robin with sparse flows first, after RFC 8290 (FQ-CoDel) without the CoDel part: a
/// flow that comes newly into the ring gets one quantum ahead of those that keep sending. As there, a
/// flow with any of its quantum left may send a whole frame and pays the surplus back later: a frame cut
/// to the rest would often be a sliver, which costs as much as a whole one.
///
/// A datagram cannot be cut. Flows whose next one is larger than that stand in a ring of their own, which takes part in
/// the bulk ring as one flow does: one of them goes, then everybody else, however many they are. A round pays for as
/// many turns as flows stand there, so that they get their share all the same.
class Scheduler {
 public:
  /// Bytes a flow may send in a turn before the next one is asked, give or take a frame.
  explicit Scheduler(std::size_t quantum = 256U << 10) : quantum_(quantum) {}

  /// `turn` has something to send. Does nothing if it is in the ring. `bulk`: it does not count as
  /// sparse, for it has sent much already.
  void add(Turn& turn, bool bulk = false);
  void remove(Turn& turn);
  /// The flow to ask next, or none. It keeps its place until used() or finished() is called.
  Turn* next();
  [[nodiscard]] static bool is_sparse(const Turn& turn) { return turn.kind_ == Turn::Kind::sparse; }
  [[nodiscard]] static bool is_large(const Turn& turn) { return turn.kind_ == Turn::Kind::large; }
  /// It sent nothing, because its next datagram is larger than longest_turn().
  void defer(Turn& turn);
  /// Bytes that may go in one turn; a larger datagram must wait among the large ones.
  [[nodiscard]] std::size_t longest_turn() const { return 2 * quantum_; }
  /// It sent `bytes` and has more to send.
  void used(Turn& turn, std::size_t bytes);
  /// It sent `bytes` and has no more for now.
  void finished(Turn& turn, std::size_t bytes);

  [[nodiscard]] bool empty() const;
  void set_quantum(std::size_t quantum) { quantum_ = quantum; }

 private:
  using Ring = boost::intrusive::list<Turn, boost::intrusive::constant_time_size<false>>;
  Ring& ring_of(Turn::Kind kind);
  void charge(Turn& turn, std::size_t bytes);
  void move_to(Turn::Kind kind, Turn& turn);
  void end_turn_of_large();
  [[nodiscard]] std::int64_t turns_of_large() const;

  std::size_t quantum_;
  Ring sparse_;
  Ring bulk_;
  Ring large_;
  Turn group_;  // stands in the bulk ring for all that are large, and as long as they owe something
};

}  // namespace tfunnel::core
