// traffic expect: one TCP connection or one UDP datagram, and how exactly it ends.
#include "traffic_commands.hpp"
#include "traffic_wire.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

namespace traffic {
namespace {

struct outcome {
  std::string what;   // refused, reset, unreachable, timeout, eof, reply, or the errno's name
  std::string phase;  // connect, send, receive
  int error = 0;
  std::uint64_t received = 0;
  std::string from;  // --recverr: who sent the ICMP error
  int icmp_type = -1;
  int icmp_code = -1;
};

std::string outcome_of(int error) {
  switch (error) {
    case ECONNREFUSED: return "refused";
    case ECONNRESET:
    case EPIPE: return "reset";
    case EHOSTUNREACH:
    case ENETUNREACH: return "unreachable";
    case ETIMEDOUT: return "timeout";
    default: return errno_name(error);
  }
}

outcome failed_with(int error, const std::string& phase) {
  outcome result;
  result.what = outcome_of(error);
  result.phase = phase;
  result.error = error;
  return result;
}

struct expectation {
  target where;
  int timeout_ms;
  std::optional<behaviour> what;
  std::uint64_t send;
  std::uint64_t server_sends;
  bool recverr;
};

std::optional<behaviour> behaviour_named(const std::string& name) {
  static const std::map<std::string, behaviour> names{{"echo", behaviour::echo},
                                                      {"discard", behaviour::discard},
                                                      {"source", behaviour::source},
                                                      {"close_at_once", behaviour::close_at_once},
                                                      {"reset_after", behaviour::reset_after},
                                                      {"never_read", behaviour::never_read},
                                                      {"send_and_close", behaviour::send_and_close}};
  if (name == "none") return std::nullopt;
  const auto found = names.find(name);
  if (found == names.end()) throw usage_error("unknown behaviour: " + name);
  return found->second;
}

// Polls for input, end or error: the whole wait is bounded, not each part of it.
bool wait_event(int fd, std::int64_t started, int timeout_ms) {
  const auto left = timeout_ms - int((now_us() - started) / 1000);
  pollfd waiting{fd, POLLIN, 0};
  return left > 0 && ::poll(&waiting, 1, left) > 0;
}

outcome try_tcp(const expectation& wish, std::int64_t started) {
  const auto fd = start_connect(wish.where.to, wish.where.from);
  pollfd connecting{fd.get(), POLLOUT, 0};
  if (::poll(&connecting, 1, wish.timeout_ms) <= 0) return failed_with(ETIMEDOUT, "connect");
  if (const int error = pending_error(fd.get())) return failed_with(error, "connect");

  if (wish.what) {
    const request_header header{*wish.what, 1, *wish.what == behaviour::reset_after ? wish.send : wish.server_sends,
                                0,          0, std::uint32_t(wish.server_sends)};
    if (!send_all(fd.get(), encode(header))) return failed_with(errno, "send");
  }
  if (wish.send && !send_all(fd.get(), filler().first(wish.send))) return failed_with(errno, "send");

  std::array<std::uint8_t, 65536> buffer{};
  outcome result;
  result.phase = "receive";
  // A server that sends something is expected to: only what follows it is the outcome.
  while (wait_event(fd.get(), started, wish.timeout_ms)) {
    const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got > 0) {
      result.received += std::uint64_t(got);
      if (wish.what && wish.server_sends) continue;
    }
    const auto received = result.received;
    if (got < 0) result = failed_with(errno, "receive");
    if (got == 0) result.what = "eof";
    if (got > 0) result.what = "reply";
    result.received = received;
    return result;
  }
  result.what = "timeout";
  return result;
}

// The error queue also tells host and network errors, which plain UDP sockets never see.
outcome read_error_queue(int fd) {
  std::array<char, 512> control{};
  std::array<char, 64> payload{};
  iovec part{payload.data(), payload.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  outcome result = failed_with(errno, "receive");
  if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return result;
  for (auto* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
    const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
    if (!v4 && !v6) continue;
    auto* error = reinterpret_cast<sock_extended_err*>(CMSG_DATA(c));
    result = failed_with(int(error->ee_errno), "receive");
    result.icmp_type = error->ee_type;
    result.icmp_code = error->ee_code;
    endpoint offender;
    std::copy_n(reinterpret_cast<const char*>(SO_EE_OFFENDER(error)), v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in),
                reinterpret_cast<char*>(&offender.storage));
    result.from = to_string(offender);
  }
  return result;
}

outcome try_udp(const expectation& wish, std::int64_t started) {
  const auto fd = connect_udp(wish.where.to, wish.where.from);
  const bool v6 = wish.where.to.family() == AF_INET6;
  if (wish.recverr) set_option(fd.get(), v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, 1);
  if (::send(fd.get(), filler().data(), wish.send, 0) < 0) return failed_with(errno, "send");
  outcome result;
  result.phase = "receive";
  if (!wait_event(fd.get(), started, wish.timeout_ms)) {
    result.what = "timeout";
    return result;
  }
  std::array<std::uint8_t, 65536> buffer{};
  const auto got = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return wish.recverr ? read_error_queue(fd.get()) : failed_with(errno, "receive");
  result.what = "reply";
  result.received = std::uint64_t(got);
  return result;
}

bool is_wished(const std::string& wished, const std::string& what) {
  return ("," + wished + ",").find("," + what + ",") != std::string::npos;
}

outcome try_once(bool udp, const expectation& wish, std::int64_t started) {
  try {
    return udp ? try_udp(wish, started) : try_tcp(wish, started);
  } catch (const std::system_error& problem) {
    return failed_with(problem.code().value(), "connect");
  }
}

}  // namespace

int run_expect(arguments& args) {
  const auto wished = args.positional("");
  const bool udp = args.flag("udp");
  const expectation wish{target(args),
                         int(args.number("timeout-ms", 20000)),
                         behaviour_named(args.text("behaviour", "none")),
                         std::min<std::uint64_t>(args.number("send", udp ? 16 : 0), filler().size()),
                         args.number("server-sends", 0),
                         args.flag("recverr")};
  args.finish();
  if (wished.empty()) throw usage_error("expect what?");

  const auto started = now_us();
  const auto result = try_once(udp, wish, started);
  const bool ok = is_wished(wished, result.what);
  json_line line;
  line.add("ok", ok)
      .add("outcome", result.what)
      .add("errno", errno_name(result.error))
      .add("phase", result.phase)
      .add("ms", double(now_us() - started) / 1000)
      .add("received", result.received);
  if (result.icmp_type >= 0)
    line.add("icmp_type", result.icmp_type).add("icmp_code", result.icmp_code).add("icmp_from", result.from);
  line.print();
  return ok ? 0 : 1;
}

}  // namespace traffic
