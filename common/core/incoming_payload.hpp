// The Data frame whose payload is being received.
#pragma once

#include <algorithm>
#include <cstddef>

#include "common/core/flow.hpp"

namespace tfunnel::core {

class IncomingPayload {
 public:
  /// A header has come. `flow` must live until all is there, or until forget().
  void begin(Flow& flow, const DataHeader& header) {
    flow_ = &flow;
    left_ = header.payload;
    largest_ = std::max(largest_, header.payload);
    header_size_ = header.size;
  }
  void took(std::size_t bytes) {
    left_ -= bytes;
    flow_->bytes_received += bytes;
  }
  void forget() {
    flow_ = nullptr;
    left_ = 0;
  }
  void begin_to_measure() { largest_ = 0; }

  /// Bytes that have not come yet; 0 between frames.
  [[nodiscard]] std::size_t left() const { return left_; }
  /// Null: nobody takes it, or there is none.
  [[nodiscard]] FlowHandler* handler() const { return left_ > 0 ? flow_->handler.get() : nullptr; }
  /// REQUIRES: a frame has begun. It may have come to its end.
  [[nodiscard]] Flow& flow() const { return *flow_; }
  /// The largest payload since begin_to_measure(); 0: no frame has begun.
  [[nodiscard]] std::size_t largest() const { return largest_; }
  /// Of the last header, to guess the next one's by.
  [[nodiscard]] std::size_t header_size() const { return header_size_; }

 private:
  Flow* flow_ = nullptr;
  std::size_t left_ = 0;
  std::size_t largest_ = 0;
  std::size_t header_size_ = max_data_header;
};

}  // namespace tfunnel::core
