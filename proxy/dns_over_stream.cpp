#include "proxy/dns_over_stream.hpp"

#include <algorithm>
#include <utility>

#include "proxy/dns_stream_connection.hpp"

namespace tfunnel::proxy {

using Clock = std::chrono::steady_clock;

DnsOverStream::DnsOverStream(asio::io_context& context, Egress& egress, const Limits& limits, const io::Log& log)
    : context_(context), egress_(egress), limits_(limits), log_(log) {}

DnsOverStream::~DnsOverStream() = default;

void DnsOverStream::ask(const core::Endpoint& server, dns::Message query, Done done) {
  if (pending_ >= limits_.queries) return done(error_code(asio::error::no_buffer_space));
  ++pending_;
  send(server, {std::move(query), std::move(done), Clock::now() + limits_.answer});
}

void DnsOverStream::send(const core::Endpoint& server, DnsPending pending) {
  auto& pool = pools_[server];
  const auto free = std::ranges::find_if(pool, [&](const auto& c) { return c->pending() < limits_.pipelined; });
  if (free != pool.end()) return (*free)->send(std::move(pending));
  if (pool.size() >= limits_.connections) return finish(pending, error_code(asio::error::no_buffer_space));
  const auto made = std::make_shared<DnsStreamConnection>(
      context_, egress_, server, limits_.idle,
      DnsStreamConnection::Events{
          [this](DnsPending& answered, result<dns::Message> answer) { finish(answered, std::move(answer)); },
          [this](DnsStreamConnection& connection, error_code error) { ended(connection, error); }});
  pool.push_back(made);
  made->send(std::move(pending));
  made->start();
}

void DnsOverStream::ended(DnsStreamConnection& connection, error_code error) {
  const auto server = connection.server();
  const bool was_connected = connection.was_connected();
  auto left = connection.take_pending();
  if (!was_connected)
    log_.about_flow(io::LogLevel::info, "no connection to a nameserver: " + error.message(),
                    {{"server", server.text()}});
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
