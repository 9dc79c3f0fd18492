#include "tests/unit/support/mux_pair.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/support/hex_example.hpp"

namespace tfunnel::test {

using core::Pulled;
using core::Reason;

void End::send(core::ByteView bytes) {
  append(to_send_, bytes);
  mux_.ready(*flow_);
}

void End::finish() {
  finish_asked_ = true;
  if (sent_ == to_send_.size()) mux_.finish(*flow_);
}

void End::reset(Reason reason) {
  ++own_ends;
  mux_.reset(*std::exchange(flow_, nullptr), reason);
}

void End::close() {
  ++own_ends;
  mux_.close(*std::exchange(flow_, nullptr));
}

void End::send_datagram(const core::Endpoint& peer, const Bytes& payload) {
  out_datagrams_.emplace_back(peer, payload);
  mux_.ready(*flow_);
}

void End::drain(std::size_t most) {
  const auto part = std::min(most, held);
  held -= part;
  if (flow_ != nullptr) mux_.drained(*flow_, part);
}

void End::on_opened(const core::Endpoint&) { ++opens; }

void End::on_data(core::ByteView bytes) {
  append(received, bytes);
  held += bytes.size();
  if (drains) drain(held);
}

void End::on_fin() {
  ++fins;
  if (closes_on_fin) close();
}

void End::on_reset(Reason reason) {
  resets.push_back(reason);
  // A handler may still look at its flow while it is told of the end, as the relay's log line does.
  last_seen = flow_->request.text();
  flow_ = nullptr;
}

void End::on_finished() {
  ++finished;
  flow_ = nullptr;
}

void End::on_datagram(const core::Endpoint& peer, core::ByteView payload) {
  datagrams.emplace_back(peer, Bytes(payload.begin(), payload.end()));
}

void End::on_datagram_error(const core::Endpoint& peer, Reason reason) { datagram_errors.emplace_back(peer, reason); }

Pulled End::pull(core::Batch& batch, std::size_t allowance, core::Time) {
  if (flow_->request.transport == core::Transport::udp) return pull_datagrams(batch, allowance);
  if (allowance < flow_->send_credit) least_allowance = std::min(least_allowance, allowance);
  const auto left = std::min(to_send_.size() - sent_, most_at_once);
  if (left == 0) return {};
  const auto room = batch.data_room(std::min(allowance, left));
  if (room.empty()) return {.more = true, .batch_full = true};
  std::copy_n(to_send_.begin() + static_cast<std::ptrdiff_t>(sent_), room.size(), room.begin());
  batch.commit_data(flow_->id, room.size());
  sent_ += room.size();
  if (finish_asked_ && sent_ == to_send_.size()) mux_.finish(*flow_);
  return {.bytes = room.size(), .more = sent_ < to_send_.size()};
}

Pulled End::pull_datagrams(core::Batch& batch, std::size_t allowance) {
  Pulled pulled;
  while (!out_datagrams_.empty()) {
    const auto& [peer, payload] = out_datagrams_.front();
    const auto cost = payload.size() + core::max_datagram_header;
    if (pulled.bytes + pulled.overhead + cost > allowance) {
      pulled.next = cost;
      break;
    }
    if (!batch.add_datagram(flow_->id, peer, payload)) return {pulled.bytes, true, pulled.overhead, true};
    pulled.bytes += payload.size();
    pulled.overhead += core::max_datagram_header;
    out_datagrams_.erase(out_datagrams_.begin());
  }
  pulled.more = !out_datagrams_.empty();
  return pulled;
}

Side::Side(wire::Role role, const Terms& terms)
    : budget(terms.cap),
      mux({role, terms.max_flows, terms.software, {}, terms.link_rate, {}}, budget, *this,
          terms.accepts ? this : nullptr) {}

std::shared_ptr<End> Side::open(const core::FlowRequest& request) {
  const auto end = std::make_shared<End>(mux);
  auto* flow = mux.open(request, end);
  if (flow == nullptr) return nullptr;
  end->bind(*flow);
  flows[flow->id] = flow;
  ends.push_back(end);
  return end;
}

std::shared_ptr<core::FlowHandler> Side::accept(core::Flow& flow) {
  const auto end = std::make_shared<End>(mux);
  end->bind(flow);
  flows[flow.id] = &flow;
  if (on_accept && !on_accept(*end)) return nullptr;
  ends.push_back(end);
  return end;
}

Bytes Side::fill(std::size_t capacity) {
  now_ += step_;
  core::Batch batch(nullptr, capacity);
  mux.fill(batch, now_);
  Bytes bytes;
  for (const auto piece : batch.pieces()) append(bytes, piece);
  return bytes;
}

boost::system::error_code Side::receive(core::ByteView bytes) {
  append(in_, bytes);
  const auto used = mux.receive(in_, now_);
  if (!used) return used.error();
  in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(*used));
  return {};
}

Bytes without_acks(const Bytes& frames) {
  Bytes rest;
  for (std::size_t at = 0; at < frames.size();) {
    const auto parsed = core::parse_frame(core::ByteView(frames).subspan(at));
    const auto size = frame_size(parsed.value());
    const auto* control = std::get_if<core::ControlFrame>(&*parsed);
    if (control == nullptr || !control->frame.has_ack()) append(rest, core::ByteView(frames).subspan(at, size));
    at += size;
  }
  return rest;
}

core::FlowRequest tcp_request(std::uint16_t source_port) {
  return {core::Transport::tcp, endpoint("192.0.2.1", source_port), endpoint("192.0.2.2", 80)};
}

core::FlowRequest udp_request(std::uint16_t source_port) {
  return {core::Transport::udp, endpoint("2001:db8::1", source_port), {}};
}

MuxPair::MuxPair(const Side::Terms& client_terms, const Side::Terms& proxy_terms)
    : client(wire::ROLE_CLIENT, client_terms), proxy(wire::ROLE_PROXY, proxy_terms) {
  // Both speak before they hear, as over a real link.
  const auto from_client = client.fill();
  const auto from_proxy = proxy.fill();
  EXPECT_FALSE(client.receive(from_proxy) || proxy.receive(from_client));
  run();
}

bool MuxPair::step(Side& from, Side& to, std::size_t capacity) {
  const auto bytes = from.fill(capacity);
  const auto error = to.receive(bytes);
  EXPECT_FALSE(error) << error.message();
  return !bytes.empty() && !error;
}

void MuxPair::run() {
  while (static_cast<int>(step(client, proxy)) + static_cast<int>(step(proxy, client)) > 0) {
  }
}

std::pair<std::shared_ptr<End>, std::shared_ptr<End>> MuxPair::connect(const core::FlowRequest& request) {
  auto near = client.open(request);
  run();
  return {near, proxy.ends.back()};
}

}  // namespace tfunnel::test
