#include "common/core/datagram_queue.hpp"

namespace tfunnel::core {

namespace {
// What an entry costs beyond its payload, roughly; it keeps a flood of empty datagrams bounded.
constexpr std::size_t entry_cost = 96;
std::size_t cost(std::size_t payload) { return payload + entry_cost; }
}  // namespace

DatagramQueue::~DatagramQueue() { clear(); }

void DatagramQueue::clear() {
  if (entries_) budget_.release(bytes_);
  bytes_ = 0;
  entries_.reset();
}

void DatagramQueue::push(Time now, const Endpoint& peer, ByteView payload) {
  const auto wanted = cost(payload.size());
  while (!empty() && (bytes_ + wanted > max_bytes || !budget_.fits(wanted))) drop();
  if (!budget_.fits(wanted)) {
    ++dropped_;
    return;
  }
  if (!entries_) entries_ = std::make_unique<std::deque<Entry>>();
  entries_->push_back({now, peer, {payload.begin(), payload.end()}});
  bytes_ += wanted;
  budget_.buffer(wanted);
}

DatagramQueue::Entry* DatagramQueue::front(Time now) {
  while (!empty() && now - entries_->front().arrived > max_age) drop();
  return empty() ? nullptr : &entries_->front();
}

void DatagramQueue::pop() { remove_front(); }

void DatagramQueue::drop() {
  remove_front();
  ++dropped_;
}

void DatagramQueue::remove_front() {
  const auto freed = cost(entries_->front().payload.size());
  entries_->pop_front();
  bytes_ -= freed;
  budget_.release(freed);
  if (entries_->empty()) entries_.reset();
}

}  // namespace tfunnel::core
