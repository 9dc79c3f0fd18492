#include "common/io/backlog.hpp"

namespace tfunnel::io {

void Backlog::append(core::ByteView bytes) {
  budget_.buffer(bytes.size());
  queue_.append(bytes);
}

int Backlog::pipe() {
  if (path_ == nullptr || !queue_.empty()) return -1;
  if (!stage_) stage_ = path_->spare.borrow();
  return stage_ ? stage_->write_descriptor() : -1;
}

void Backlog::moved(std::size_t bytes) {
  budget_.buffer(bytes);
  moved_ += bytes;
}

std::size_t Backlog::write_to(tcp::socket& socket, error_code& error) {
  std::size_t count = 0;
  if (moved_ > 0) {
    count = give_moved(socket.native_handle(), error);
  } else {
    const auto front = queue_.front();
    count = socket.write_some(asio::buffer(front.data(), front.size()), error);
    queue_.consume(count);
  }
  budget_.release(count);
  return count;
}

std::size_t Backlog::give_moved(int descriptor, error_code& error) {
  const auto count = stage_->give(descriptor, moved_);
  error = count ? error_code() : count.error();
  if (!count) return 0;
  moved_ -= *count;
  if (moved_ == 0) path_->spare.give_back(std::move(stage_));
  return *count;
}

// A pipe with bytes of a flow that is over is of no use to another.
void Backlog::clear() {
  budget_.release(size());
  if (stage_ && moved_ == 0) path_->spare.give_back(std::move(stage_));
  if (stage_) path_->spare.lost();
  stage_.reset();
  moved_ = 0;
  queue_.clear();
}

}  // namespace tfunnel::io
