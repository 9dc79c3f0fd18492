#include "common/io/deliveries.hpp"

namespace tfunnel::io {

asio::execution_context::id Deliveries::id;

Delivery::Delivery(asio::execution_context& context) { Deliveries::of(context).add(*this); }

Delivery::State& Delivery::State::operator+=(const State& other) {
  left += other.left;
  waiting += other.waiting;
  return *this;
}

Delivery::State Deliveries::look(const core::Mux* link) {
  Delivery::State sum;
  for (auto& one : all_) {
    if (link == nullptr || one.link() == nullptr || one.link() == link) sum += one.delivery();
  }
  return sum;
}

// Each may go by it, and take others with it: these leave whichever list they are in.
void Deliveries::let_go() {
  List left;
  left.swap(all_);
  while (!left.empty()) {
    auto& one = left.front();
    left.pop_front();
    all_.push_back(one);
    one.let_go();
  }
}

}  // namespace tfunnel::io
