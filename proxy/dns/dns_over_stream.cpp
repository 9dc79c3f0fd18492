#include "proxy/dns/dns_over_stream.hpp"

#include <algorithm>
#include <utility>

#include "proxy/dns/dns_stream_connection.hpp"

namespace tfunnel::proxy {

using Clock = std::chrono::steady_clock;

namespace {
// A connection's coroutines and buffers.
constexpr std::size_t connection_cost = 24U << 10;
}  // namespace

DnsOverStream::DnsOverStream(asio::io_context& context, Egress& egress, const Limits& limits, const io::Log& log)
    : context_(context), egress_(egress), limits_(limits), log_(log) {}

DnsOverStream::~DnsOverStream() = default;

void DnsOverStream::ask(const core::Endpoint& server, dns::Message query, Done done) {
  if (pending_ >= limits_.queries) return done(error_code(asio::error::no_buffer_space));
  ++pending_;
  send(server, {std::move(query), std::move(done), Clock::now() + limits_.answer});
}

void DnsOverStream::send(const core::Endpoint& server, DnsPending pending) {
  if (const auto pool = pools_.find(server); pool != pools_.end()) {
    const auto& members = pool->second;
    const auto free = std::ranges::find_if(members, [&](const auto& c) { return c->pending() < limits_.pipelined; });
    if (free != members.end()) return (*free)->send(std::move(pending));
    if (members.size() >= limits_.connections) return finish(pending, error_code(asio::error::no_buffer_space));
  }
  auto room = room_for_connection();
  if (!room) return finish(pending, error_code(asio::error::no_buffer_space));
  const auto made = std::make_shared<DnsStreamConnection>(
      context_, egress_, server, limits_.idle,
      DnsStreamConnection::Events{
          [this, server](DnsPending& asked, result<dns::Message> answer) {
            answered(server, asked, std::move(answer));
          },
          [this](DnsStreamConnection& connection, error_code error) { ended(connection, error); }},
      std::move(*room));
  pools_[server].push_back(made);
  made->send(std::move(pending));
  made->start();
}

std::optional<core::Charge> DnsOverStream::room_for_connection() {
  auto charge = memory_ == nullptr ? core::Charge() : core::Charge(memory_->services());
  while (connection_count() >= limits_.all_connections || !charge.resize(connection_cost)) {
    if (!close_one_without_queries()) return std::nullopt;
  }
  return charge;
}

bool DnsOverStream::close_one_without_queries() {
  for (const auto& [server, pool] : pools_) {
    const auto idle = std::ranges::find_if(pool, [](const auto& member) { return member->pending() == 0; });
    if (idle == pool.end()) continue;
    // It leaves its pool, which may leave the others.
    const auto connection = *idle;
    connection->close();
    return true;
  }
  return false;
}

// Each leaves its pool when it closes.
void DnsOverStream::stop() {
  while (!pools_.empty()) {
    const auto connection = pools_.begin()->second.back();
    pending_ -= connection->take_pending().size();
    connection->close();
  }
}

void DnsOverStream::ended(DnsStreamConnection& connection, error_code error) {
  const auto server = connection.server();
  const bool was_connected = connection.was_connected();
  auto left = connection.take_pending();
  if (!was_connected && error != asio::error::operation_aborted) tell_failure(server, error, std::nullopt);
  const auto pool = pools_.find(server);
  std::erase_if(pool->second, [&](const auto& member) { return member.get() == &connection; });
  if (pool->second.empty()) pools_.erase(pool);
  // A server may close whenever it likes, also on a query that has just been written (RFC 7766, 6.2.4).
  for (auto& pending : left) {
    if (was_connected && !std::exchange(pending.retried, true)) {
      send(server, std::move(pending));
    } else {
      finish(pending, error);
    }
  }
}

void DnsOverStream::answered(const core::Endpoint& server, DnsPending& pending, result<dns::Message> answer) {
  if (!answer) {
    tell_failure(server, answer.error(), pending.until - limits_.answer);
  } else if (news_.answered(server)) {
    log_.about_flow(io::LogLevel::warning, "nameserver " + server.text() + " answers again over TCP");
  }
  finish(pending, std::move(answer));
}

/// `asked`: it was connected, and has been silent since.
void DnsOverStream::tell_failure(const core::Endpoint& server, error_code error, std::optional<core::Time> asked) {
  if (io::reason_of(error) == core::Reason::resource_limit) return;
  const auto now = Clock::now();
  if (!(asked ? news_.silent(server, *asked, now) : news_.failed(server, now))) return;
  log_.about_flow(io::LogLevel::warning,
                  "nameserver " + server.text() + " does not answer over TCP: " + error.message());
}

void DnsOverStream::finish(DnsPending& pending, result<dns::Message> answer) {
  --pending_;
  pending.done(std::move(answer));
}

std::size_t DnsOverStream::connection_count() const {
  std::size_t count = 0;
  for (const auto& [server, pool] : pools_) count += pool.size();
  return count;
}

}  // namespace tfunnel::proxy
