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

// Each may go by it.
void Deliveries::let_go() {
  for (auto at = all_.begin(); at != all_.end();) (at++)->let_go();
}

}  // namespace tfunnel::io
