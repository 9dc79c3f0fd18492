#include "traffic_talkers.hpp"

#include <algorithm>

namespace traffic {

verify_talker::verify_talker(verify_plan plan)
    : plan_(std::move(plan)), source_(plan_.send_seed, plan_.send_length), check_(plan_.expect_seed) {}

bool verify_talker::wants_input() const {
  if (!plan_.reads) return false;
  return !plan_.read_after_fin || (head_sent_ == plan_.head.size() && source_.finished());
}

void verify_talker::on_input(const_bytes data) {
  const auto left = plan_.expect_length - check_.count();
  const auto mine = std::size_t(std::min<std::uint64_t>(left, data.size()));
  check_.add(data.first(mine));
  tail_in_.insert(tail_in_.end(), data.begin() + std::ptrdiff_t(mine), data.end());
}

const_bytes verify_talker::output() {
  if (head_sent_ < plan_.head.size()) return const_bytes(plan_.head).subspan(head_sent_);
  if (plan_.send_after_eof && !eof_) return {};
  if (!source_.finished()) return source_.view();
  if (plan_.send_verdict && eof_ && !tail_made_) {
    const auto made = encode(check_.result());
    tail_out_.assign(made.begin(), made.end());
    tail_made_ = true;
  }
  return const_bytes(tail_out_).subspan(tail_sent_);
}

void verify_talker::on_sent(std::size_t size) {
  if (head_sent_ < plan_.head.size())
    head_sent_ += size;
  else if (!source_.finished())
    source_.consume(size);
  else
    tail_sent_ += size;
}

bool verify_talker::everything_sent() {
  if (head_sent_ < plan_.head.size() || !source_.finished()) return false;
  if (plan_.send_after_eof && !eof_) return false;
  return !plan_.send_verdict || (tail_made_ && tail_sent_ == tail_out_.size());
}

verdict verify_talker::peer_verdict() const {
  return tail_in_.size() == verdict_size ? decode_verdict(tail_in_) : verdict{};
}

std::string verify_talker::input_problem() const {
  const auto got = check_.result();
  if (got.first_bad != ~std::uint64_t{0}) return "received a wrong byte at offset " + std::to_string(got.first_bad);
  if (got.count != plan_.expect_length)
    return "received " + std::to_string(got.count) + " of " + std::to_string(plan_.expect_length);
  return {};
}

std::string verify_talker::output_problem(const verdict& peer) const {
  if (!peer.known) return "no verdict from the server";
  if (peer.first_bad != ~std::uint64_t{0})
    return "the server received a wrong byte at offset " + std::to_string(peer.first_bad);
  if (peer.count != source_.length())
    return "the server received " + std::to_string(peer.count) + " of " + std::to_string(source_.length());
  return peer.hash == source_.hash() ? "" : "hashes differ";
}

}  // namespace traffic
