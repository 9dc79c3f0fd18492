// What `tfunnel up` has to do with this machine at the moment. Pure.
#pragma once

#include "client/doctor/facts.hpp"
#include "client/doctor/own_table.hpp"

namespace tfunnel::client {

enum class State {
  nothing,       // none runs, and none has left anything
  no_link_yet,   // one runs, and has made no rules
  captures,      // one runs, and its rules stand
  open,          // one runs, and its rules have gone again
  left_closed,   // none runs; rules of one refuse what it would take
  left_routing,  // none runs; its routing is left, to no effect
};

/// The facts, and what all checks read from them.
struct Situation {
  const DoctorFacts& facts;  // outlives it
  std::optional<OwnTable> table;
  SystemMarks marks;  // those of the rules that stand, or the usual ones
  State state = State::nothing;

  [[nodiscard]] bool runs() const { return facts.instance.has_value(); }
  [[nodiscard]] bool is_stopped() const { return runs() && facts.instance->process.is_stopped; }
};

/// No host has it (RFC 2544, RFC 5180), and nobody has a route or a rule of its own for it. With --dns far a question
/// to it is answered by the far end like one to any address beyond this machine.
core::Address far_address(bool is_v4);

/// Where the rules cannot be seen, the routing tells whether they stand.
Situation situation_of(const DoctorFacts& facts);

/// Its rules or routing are not whole though one runs, which would restore them: worth a second look.
bool is_being_restored(const Situation& situation);

/// What of the routing is missing.
Routing missing_routing(const Situation& situation);

}  // namespace tfunnel::client
