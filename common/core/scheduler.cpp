#include "common/core/scheduler.hpp"

#include <algorithm>

namespace tfunnel::core {

Scheduler::Ring& Scheduler::ring_of(Turn::Kind kind) {
  if (kind == Turn::Kind::sparse) return sparse_;
  return kind == Turn::Kind::bulk ? bulk_ : large_;
}

bool Scheduler::empty() const {
  if (!sparse_.empty() || !large_.empty()) return false;
  const bool only_debts = !bulk_.empty() && &bulk_.front() == &group_ && &bulk_.back() == &group_;
  return bulk_.empty() || only_debts;
}

void Scheduler::add(Turn& turn, bool bulk) {
  if (turn.waiting()) return;
  turn.kind_ = bulk ? Turn::Kind::bulk : Turn::Kind::sparse;
  turn.deficit_ = static_cast<std::int64_t>(quantum_);
  ring_of(turn.kind_).push_back(turn);
}

void Scheduler::remove(Turn& turn) {
  if (turn.waiting()) turn.unlink();
}

Turn* Scheduler::next() {
  while (!sparse_.empty() || !bulk_.empty()) {
    auto& turn = sparse_.empty() ? bulk_.front() : sparse_.front();
    if (&turn != &group_) {
      if (turn.deficit_ > 0) return &turn;
      move_to(Turn::Kind::bulk, turn);
    } else if (turn.deficit_ <= 0) {
      end_turn_of_large();
    } else if (large_.empty()) {
      turn.unlink();
    } else {
      return &large_.front();
    }
  }
  return nullptr;
}

void Scheduler::charge(Turn& turn, std::size_t bytes) {
  auto& payer = is_large(turn) ? group_ : turn;
  payer.deficit_ -= static_cast<std::int64_t>(bytes);
}

void Scheduler::used(Turn& turn, std::size_t bytes) {
  charge(turn, bytes);
  if (!turn.waiting()) return;
  if (is_large(turn)) {
    move_to(Turn::Kind::large, turn);
    end_turn_of_large();
  } else if (turn.deficit_ <= 0) {
    move_to(Turn::Kind::bulk, turn);
  }
}

// A sparse flow that is empty goes once through the bulk ring, so that flows which come and go
// quickly cannot keep the bulk flows waiting (RFC 8290, 4.2).
void Scheduler::finished(Turn& turn, std::size_t bytes) {
  charge(turn, bytes);
  if (!turn.waiting()) return;
  if (is_large(turn)) {
    turn.unlink();
    end_turn_of_large();
  } else if (is_sparse(turn) && !bulk_.empty()) {
    move_to(Turn::Kind::bulk, turn);
  } else {
    turn.unlink();
  }
}

void Scheduler::defer(Turn& turn) {
  if (!turn.waiting() || is_large(turn)) return;
  move_to(Turn::Kind::large, turn);
  if (group_.waiting()) return;
  group_.deficit_ = static_cast<std::int64_t>(quantum_);
  bulk_.push_back(group_);
}

void Scheduler::move_to(Turn::Kind kind, Turn& turn) {
  turn.unlink();
  turn.kind_ = kind;
  if (turn.deficit_ <= 0) turn.deficit_ += static_cast<std::int64_t>(quantum_);
  ring_of(kind).push_back(turn);
}

// One at a time, and what is left of a share is not saved up: else several would go in a row some day.
void Scheduler::end_turn_of_large() {
  if (!group_.waiting()) return;
  const auto quantum = static_cast<std::int64_t>(quantum_);
  if (group_.deficit_ <= 0) group_.deficit_ = std::min(group_.deficit_ + turns_of_large() * quantum, quantum);
  group_.unlink();
  bulk_.push_back(group_);
}

/// How many stand there, as far as it matters for the debt.
std::int64_t Scheduler::turns_of_large() const {
  const auto needed = 1 - group_.deficit_ / static_cast<std::int64_t>(quantum_);
  std::int64_t count = 0;
  for (auto turn = large_.begin(); turn != large_.end() && count < needed; ++turn) ++count;
  return std::max<std::int64_t>(count, 1);
}

}  // namespace tfunnel::core
