#include "common/core/datagram_errors.hpp"

#include <algorithm>

namespace tfunnel::core {

DatagramErrors::~DatagramErrors() {
  if (errors_) budget_.release(errors_->size() * cost);
}

bool DatagramErrors::add(const Error& error) {
  if (errors_ && std::ranges::find(*errors_, error) != errors_->end()) return true;
  if ((errors_ && errors_->size() >= most) || !budget_.fits(cost)) return false;
  if (!errors_) errors_ = std::make_unique<std::vector<Error>>();
  errors_->push_back(error);
  budget_.buffer(cost);
  return true;
}

void DatagramErrors::pop() {
  errors_->erase(errors_->begin());
  budget_.release(cost);
  if (errors_->empty()) errors_.reset();
}

}  // namespace tfunnel::core
