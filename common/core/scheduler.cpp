#include "common/core/scheduler.hpp"

namespace tfunnel::core {

void Scheduler::add(Turn& turn, bool bulk) {
  if (turn.waiting()) return;
  turn.in_bulk_ = bulk;
  turn.deficit_ = static_cast<std::int64_t>(quantum_);
  ring_of(turn).push_back(turn);
}

void Scheduler::remove(Turn& turn) {
  if (turn.waiting()) turn.unlink();
}

Turn* Scheduler::next() {
  while (!empty()) {
    auto& turn = sparse_.empty() ? bulk_.front() : sparse_.front();
    if (turn.deficit_ > 0) return &turn;
    move_to_bulk(turn);
  }
  return nullptr;
}

void Scheduler::used(Turn& turn, std::size_t bytes) {
  turn.deficit_ -= static_cast<std::int64_t>(bytes);
  if (turn.deficit_ <= 0 && turn.waiting()) move_to_bulk(turn);
}

// A sparse flow that is empty goes once through the bulk ring, so that flows which come and go
// quickly cannot keep the bulk flows waiting (RFC 8290, 4.2).
void Scheduler::finished(Turn& turn, std::size_t bytes) {
  turn.deficit_ -= static_cast<std::int64_t>(bytes);
  if (!turn.waiting()) return;
  if (!turn.in_bulk_ && !bulk_.empty()) {
    move_to_bulk(turn);
  } else {
    turn.unlink();
  }
}

void Scheduler::move_to_bulk(Turn& turn) {
  turn.unlink();
  turn.in_bulk_ = true;
  if (turn.deficit_ <= 0) turn.deficit_ += static_cast<std::int64_t>(quantum_);
  bulk_.push_back(turn);
}

}  // namespace tfunnel::core
