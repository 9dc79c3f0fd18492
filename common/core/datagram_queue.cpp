#include "common/core/datagram_queue.hpp"

#include <algorithm>

namespace tfunnel::core {

namespace {
// The cost of an entry beyond its payload, roughly; it keeps a flood of empty datagrams bounded.
constexpr std::size_t entry_cost = 96;
// And the cost of a queue that is not empty.
constexpr std::size_t queue_cost = 640;
// For one that is being sent, the acknowledgement that lets the next one go, that one, and a late acknowledgement.
constexpr int frames_to_wait = 4;
// The asker has asked again by then.
constexpr Duration oldest = std::chrono::seconds(4);
std::size_t cost(std::size_t payload) { return payload + entry_cost; }
}  // namespace

Duration DatagramQueue::age_limit(Duration frame_time) {
  return std::clamp<Duration>(frames_to_wait * std::min(frame_time, oldest), max_age, oldest);
}

void DatagramQueue::clear() {
  entries_.reset();
  if (bytes_ > 0) give_back(bytes_);
}

void DatagramQueue::push(Time now, const Endpoint& peer, ByteView payload) {
  const auto wanted = cost(payload.size());
  while (!empty() && bytes_ + wanted > max_bytes) drop();
  // To take may empty this queue, if it is the one that has to give way.
  if (!take(wanted)) {
    ++dropped_;
    return;
  }
  if (!entries_ && !take(queue_cost)) {
    give_back(wanted);
    ++dropped_;
    return;
  }
  if (!entries_) entries_ = std::make_unique<std::deque<Entry>>();
  entries_->push_back({now, peer, {payload.begin(), payload.end()}});
  pool_.resized(*this, bytes_);
}

DatagramQueue::Entry* DatagramQueue::front(Time now, Duration limit) {
  while (!empty() && now - entries_->front().arrived > limit) drop();
  return empty() ? nullptr : &entries_->front();
}

void DatagramQueue::pop() { remove_front(); }

void DatagramQueue::drop() {
  remove_front();
  ++dropped_;
}

void DatagramQueue::remove_front() {
  auto freed = cost(entries_->front().payload.size());
  entries_->pop_front();
  if (entries_->empty()) {
    entries_.reset();
    freed += queue_cost;
  }
  give_back(freed);
}

bool DatagramQueue::take(std::size_t bytes) {
  if (!pool_.take(bytes)) return false;
  bytes_ += bytes;
  return true;
}

void DatagramQueue::give_back(std::size_t bytes) {
  bytes_ -= bytes;
  pool_.give_back(bytes);
  pool_.resized(*this, bytes_);
}

}  // namespace tfunnel::core
