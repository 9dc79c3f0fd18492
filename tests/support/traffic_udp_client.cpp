// traffic udp-rtt, udp-blast, udp-sizes.
#include "traffic_commands.hpp"
#include "traffic_failures.hpp"
#include "traffic_wire.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>

namespace traffic {
namespace {

constexpr int loss_timeout_ms = 5000;

// One echo; the answer must be equal, late answers to earlier questions are skipped.
std::optional<double> echo_once(int fd, const_bytes question, int timeout_ms) {
  std::vector<std::uint8_t> answer(65536);
  const auto started = now_us();
  if (::send(fd, question.data(), question.size(), 0) < 0) return std::nullopt;
  for (;;) {
    const auto left = timeout_ms - int((now_us() - started) / 1000);
    if (left <= 0 || !wait_readable(fd, left)) {
      errno = ETIMEDOUT;
      return std::nullopt;
    }
    const auto got = ::recv(fd, answer.data(), answer.size(), 0);
    if (got < 0) return std::nullopt;
    if (std::equal(question.begin(), question.end(), answer.begin(), answer.begin() + got))
      return double(now_us() - started);
  }
}

struct server_tally {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

server_tally query(int fd, std::uint64_t key) {
  const auto question = udp_message(udp_order::query, key);
  for (int attempt = 0; attempt < 20; ++attempt) {
    std::array<std::uint8_t, 64> answer{};
    (void)!::send(fd, question.data(), question.size(), 0);
    if (!wait_readable(fd, 500)) continue;
    if (::recv(fd, answer.data(), answer.size(), 0) == 24) return {get_u64(&answer[8]), get_u64(&answer[16])};
  }
  throw std::runtime_error("the server does not answer a query");
}

// Datagrams that are still on their way count: ask until the number rests.
server_tally settled(int fd, std::uint64_t key) {
  auto last = query(fd, key);
  for (int rest = 0; rest < 3;) {
    ::usleep(100000);
    const auto now = query(fd, key);
    rest = now.count == last.count ? rest + 1 : 0;
    last = now;
  }
  return last;
}

std::uint64_t blast(int fd, const_bytes message, double rate_mbit, double seconds) {
  const double per_second = rate_mbit * 1e6 / 8 / double(message.size());
  std::uint64_t sent = 0;
  const auto started = now_us();
  for (double passed = 0; passed < seconds; passed = seconds_since(started)) {
    const auto due = std::uint64_t(per_second * passed);
    // A refused send (full queue, ICMP error) is a datagram lost at our own end: it counts as sent.
    for (int burst = 0; sent < due && burst < 64; ++burst, ++sent) (void)!::send(fd, message.data(), message.size(), 0);
    if (sent >= due) ::usleep(200);
  }
  return sent;
}

}  // namespace

int run_udp_rtt(arguments& args) {
  const target where(args);
  const auto count = args.number("count", 1000);
  const auto size = std::max<std::uint64_t>(args.number("size", 64), 8);
  const auto interval_us = useconds_t(args.real("interval-ms", 0) * 1000);
  args.finish();

  const auto fd = connect_udp(where.to, where.from);
  std::vector<double> times;
  std::vector<std::uint8_t> question(size);
  for (std::uint64_t i = 0; i < count; ++i) {
    put_u64(question.data(), i);
    if (const auto time = echo_once(fd.get(), question, loss_timeout_ms)) times.push_back(*time);
    if (interval_us) ::usleep(interval_us);
  }
  json_line()
      .add("count", std::uint64_t{times.size()})
      .add("lost", std::uint64_t{count - times.size()})
      .add("median_us", percentile(times, 0.5))
      .add("p99_us", percentile(times, 0.99))
      .add("max_us", percentile(times, 1))
      .add("min_us", percentile(times, 0))
      .print();
  return times.size() == count ? 0 : 1;
}

int run_udp_blast(arguments& args) {
  const target where(args);
  const auto size = std::max<std::uint64_t>(args.number("size", 1200), udp_head_size);
  const auto rate = args.real("rate-mbit", 100);
  const auto seconds = args.real("seconds", 5);
  args.finish();

  const auto fd = connect_udp(where.to, where.from);
  const auto key = mix(std::uint64_t(now_us()) ^ std::uint64_t(::getpid()));
  query(fd.get(), key);  // the way is open before the clock starts
  const std::vector<std::uint8_t> padding(size - udp_head_size);
  const auto sent = blast(fd.get(), udp_message(udp_order::count, key, padding), rate, seconds);
  const auto arrived = settled(fd.get(), key);
  const auto lost = sent - std::min(sent, arrived.count);
  json_line()
      .add("sent", sent)
      .add("received", arrived.count)
      .add("bytes", arrived.bytes)
      .add("loss_percent", sent ? 100.0 * double(lost) / double(sent) : 0.0)
      .add("sent_mbit_s", double(sent * size) * 8 / seconds / 1e6)
      .add("goodput_mbit_s", double(arrived.bytes) * 8 / seconds / 1e6)
      .print();
  return arrived.count ? 0 : 1;
}

int run_udp_sizes(arguments& args) {
  const target where(args);
  const auto sizes = args.list("sizes", {"0", "1", "1200", "1472", "1473", "8192", "16383", "16384", "65507"});
  const auto timeout_ms = int(args.number("timeout-ms", 20000));
  args.finish();

  const auto fd = connect_udp(where.to, where.from);
  std::uint64_t ok = 0;
  failures failed;
  for (const auto& text : sizes) {
    std::vector<std::uint8_t> question(std::stoul(text));
    fill_pattern(question.size() + 1, 0, question);
    if (echo_once(fd.get(), question, timeout_ms))
      ++ok;
    else
      failed.add("size " + text + ": " + errno_name(errno));
  }
  json_line().add("ok", ok).add("failed", failed.count()).print();
  return failed.count() ? 1 : 0;
}

}  // namespace traffic
