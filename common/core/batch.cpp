#include "common/core/batch.hpp"

#include <algorithm>
#include <array>
#include <cassert>

#include "common/core/frame_rules.hpp"

namespace tfunnel::core {

Batch::Batch(PayloadStage* stage, std::size_t capacity) : stage_(stage), buffer_(capacity) {
  pieces_.reserve(max_pieces);
}

std::span<std::uint8_t> Batch::data_room(std::size_t wanted) {
  if (!header_fits() || room() == max_data_header) return {};
  const auto available = std::min(wanted, room() - max_data_header);
  return std::span(buffer_).subspan(used_ + max_data_header, available);
}

void Batch::commit_data(FlowId flow, std::size_t size) {
  assert(size > 0 && used_ + max_data_header + size <= buffer_.size());
  std::array<std::uint8_t, max_data_header> header{};
  const auto length = write_data_header(header.data(), flow, size);
  const auto start = used_ + max_data_header - length;
  std::copy_n(header.begin(), length, buffer_.begin() + static_cast<std::ptrdiff_t>(start));
  append_piece(start, length + size);
}

boost::system::result<std::size_t> Batch::move_data(FlowId flow, int descriptor, std::size_t most) {
  assert(moves() && header_fits());
  const auto size = stage_->take(descriptor, most);
  if (!size) return size;
  assert(*size > 0);
  append_piece(used_, write_data_header(buffer_.data() + used_, flow, *size));
  staged_ = *size;
  return size;
}

bool Batch::add_datagram(FlowId flow, const Endpoint& peer, ByteView payload) {
  if (check_datagram(payload.size(), datagram_limit_)) {
    ++left_out_;
    return true;
  }
  if (staged_ > 0 || room() < max_datagram_header + payload.size() || pieces_.size() >= max_pieces) return false;
  auto* at = buffer_.data() + used_;
  const auto header = write_datagram_header(at, flow, peer, payload.size());
  std::ranges::copy(payload, at + header);
  append_piece(used_, header + payload.size());
  return true;
}

bool Batch::add_control(const wire::Frame& frame) {
  scratch_.clear();
  append_frame(scratch_, frame);
  return add_raw(scratch_);
}

bool Batch::add_raw(ByteView bytes) {
  if (staged_ > 0 || room() < bytes.size() || pieces_.size() >= max_pieces) return false;
  std::ranges::copy(bytes, buffer_.begin() + static_cast<std::ptrdiff_t>(used_));
  append_piece(used_, bytes.size());
  return true;
}

void Batch::append_piece(std::size_t at, std::size_t length) {
  const ByteView piece(buffer_.data() + at, length);
  used_ = at + length;
  size_ += length;
  const bool adjacent = pieces_.size() > first_piece_ && pieces_.back().data() + pieces_.back().size() == piece.data();
  if (adjacent) {
    pieces_.back() = ByteView(pieces_.back().data(), pieces_.back().size() + length);
  } else {
    pieces_.push_back(piece);
  }
}

void Batch::consume_staged(std::size_t count) {
  assert(size_ == 0 && count <= staged_);
  staged_ -= count;
}

std::span<const ByteView> Batch::pieces() const { return std::span(pieces_).subspan(first_piece_); }

void Batch::consume(std::size_t count) {
  assert(count <= size_);
  size_ -= count;
  while (count > 0) {
    auto& piece = pieces_[first_piece_];
    const auto part = std::min(count, piece.size());
    piece = piece.subspan(part);
    count -= part;
    if (piece.empty()) ++first_piece_;
  }
  if (size_ > 0) return;
  pieces_.clear();
  first_piece_ = used_ = 0;
}

}  // namespace tfunnel::core
