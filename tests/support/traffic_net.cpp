#include "traffic_net.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace traffic {
namespace {

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

unique_fd open_socket(int family, int type) {
  unique_fd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  if (!fd.valid()) throw_errno("socket");
  return fd;
}

void bind_to(int fd, const endpoint& where) {
  // IPv4 and IPv6 are served by separate sockets on one port.
  if (where.family() == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (::bind(fd, where.get(), where.length) != 0) throw_errno("bind " + to_string(where));
}

void bind_source(int fd, const std::string& from) {
  if (from.empty()) return;
  const auto colon = from.rfind('@');  // ADDRESS or ADDRESS@PORT
  const auto port = colon == std::string::npos ? 0 : std::stoi(from.substr(colon + 1));
  if (port) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  bind_to(fd, make_endpoint(from.substr(0, colon), std::uint16_t(port)));
}

}  // namespace

unique_fd& unique_fd::operator=(unique_fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void unique_fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

endpoint make_endpoint(const std::string& address, std::uint16_t port) {
  endpoint result;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    result.length = sizeof(sockaddr_in);
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    result.length = sizeof(sockaddr_in6);
  } else {
    throw std::invalid_argument("not a numeric address: " + address);
  }
  return result;
}

std::string to_string(const endpoint& where) {
  char text[INET6_ADDRSTRLEN] = {};
  if (where.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&where.storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6->sin6_port));
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&where.storage);
  ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(v4->sin_port));
}

unique_fd listen_tcp(const endpoint& where) {
  auto fd = open_socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  bind_to(fd.get(), where);
  if (::listen(fd.get(), 4096) != 0) throw_errno("listen");
  return fd;
}

unique_fd bind_udp(const endpoint& where) {
  auto fd = open_socket(where.family(), SOCK_DGRAM | SOCK_NONBLOCK);
  bind_to(fd.get(), where);
  // Goodput tests must lose datagrams in the tunnel, not here; the kernel may cap this.
  set_option(fd.get(), SOL_SOCKET, SO_RCVBUF, 8 << 20);
  return fd;
}

unique_fd start_connect(const endpoint& to, const std::string& from) {
  auto fd = open_socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK);
  bind_source(fd.get(), from);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::connect(fd.get(), to.get(), to.length) != 0 && errno != EINPROGRESS) throw_errno("connect " + to_string(to));
  return fd;
}

unique_fd connect_tcp(const endpoint& to, const std::string& from) {
  auto fd = open_socket(to.family(), SOCK_STREAM);
  bind_source(fd.get(), from);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (::connect(fd.get(), to.get(), to.length) != 0) throw_errno("connect " + to_string(to));
  return fd;
}

unique_fd connect_udp(const endpoint& to, const std::string& from) {
  auto fd = open_socket(to.family(), SOCK_DGRAM);
  bind_source(fd.get(), from);
  if (::connect(fd.get(), to.get(), to.length) != 0) throw_errno("connect " + to_string(to));
  return fd;
}

void set_option(int fd, int level, int name, int value) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) throw_errno("setsockopt");
}

void reset_on_close(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

int pending_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error;
}

bool wait_readable(int fd, int timeout_ms) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, timeout_ms) > 0;
}

bool send_all(int fd, const_bytes data) {
  while (!data.empty()) {
    const auto sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data = data.subspan(std::size_t(sent));
  }
  return true;
}

bool receive_all(int fd, bytes data) {
  while (!data.empty()) {
    const auto got = ::recv(fd, data.data(), data.size(), 0);
    if (got == 0) errno = 0;  // so that the caller's message says EOF and not an old error
    if (got <= 0) return false;
    data = data.subspan(std::size_t(got));
  }
  return true;
}

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::int64_t now_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string errno_name(int error) {
  const char* name = ::strerrorname_np(error);
  return error == 0 ? "" : name ? name : std::to_string(error);
}

double percentile(std::vector<double>& values, double fraction) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto rank = std::size_t(fraction * double(values.size()));
  return values[std::min(rank, values.size() - 1)];
}

json_line& json_line::raw(std::string_view key, std::string_view value) {
  text_ += text_.empty() ? "{" : ", ";
  text_.append("\"").append(key).append("\": ").append(value);
  return *this;
}

json_line& json_line::add(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }

json_line& json_line::add(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }

json_line& json_line::add(std::string_view key, double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return raw(key, text);
}

json_line& json_line::add(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }

json_line& json_line::add(std::string_view key, const std::string& value) {
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return raw(key, quoted + "\"");
}

void json_line::print() const {
  std::printf("%s}\n", text_.empty() ? "{" : text_.c_str());
  std::fflush(stdout);
}

}  // namespace traffic
