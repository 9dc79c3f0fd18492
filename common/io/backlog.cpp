#include "common/io/backlog.hpp"

#include <algorithm>
#include <cassert>

namespace tfunnel::io {

void Backlog::append(core::ByteView bytes) {
  if (!pipes_.empty() && queue_.empty()) bytes = bytes.subspan(put(bytes));
  queue_.append(bytes);
}

int Backlog::pipe() {
  if ((pipes_.empty() && !borrow()) || !spill()) return -1;
  return pipes_.back().stage->write_descriptor();
}

int Backlog::next_pipe() {
  // If the pipe is empty, it is not the pipe that is full.
  const bool full = !pipes_.empty() && pipes_.back().bytes > 0;
  return full && queue_.empty() && borrow() ? pipes_.back().stage->write_descriptor() : -1;
}

bool Backlog::borrow() {
  auto stage = pipes_.size() < most_pipes ? spare_.borrow() : nullptr;
  if (!stage) return false;
  pipes_.push_back({std::move(stage)});
  return true;
}

/// Copies as much as fits into the last pipe, and returns how much.
std::size_t Backlog::put(core::ByteView bytes) {
  const auto count = pipes_.back().stage->put(bytes.data(), bytes.size());
  if (!count) return 0;
  pipes_.back().bytes += *count;
  moved_ += *count;
  return *count;
}

/// False: not all of the memory went into the pipes.
bool Backlog::spill() {
  while (!queue_.empty()) {
    const auto count = put(queue_.front());
    queue_.consume(count);
    if (count == 0 && !borrow()) return false;
  }
  return true;
}

void Backlog::moved(std::size_t bytes) {
  pipes_.back().bytes += bytes;
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
  charge_.shrink(std::min(charge_.size(), size()));
  return count;
}

std::size_t Backlog::give_moved(int descriptor, error_code& error) {
  auto& oldest = pipes_.front();
  const auto count = oldest.stage->give(descriptor, oldest.bytes);
  error = count ? error_code() : count.error();
  if (!count) return 0;
  moved_ -= *count;
  oldest.bytes -= *count;
  if (oldest.bytes == 0) {
    spare_.give_back(std::move(oldest.stage));
    pipes_.erase(pipes_.begin());
  }
  return *count;
}

// A pipe with bytes of a flow that is over is of no use to another.
void Backlog::clear() {
  charge_.clear();
  for (auto& pipe : pipes_) {
    pipe.bytes == 0 ? spare_.give_back(std::move(pipe.stage)) : spare_.lost();
  }
  pipes_.clear();
  pipes_.shrink_to_fit();
  moved_ = 0;
  queue_.clear();
}

void Backlog::outlive_window() {
  [[maybe_unused]] const bool charged = charge_.resize(size());
  assert(charged);
}

}  // namespace tfunnel::io
