#include "tests/integration/support/sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

namespace tfunnel::test {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

struct SystemAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SystemAddress system_address(const core::Endpoint& endpoint) {
  SystemAddress result;
  const auto bytes = endpoint.address.wire();
  if (endpoint.address.is_v4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&result.storage, &address, result.size = sizeof address);
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&result.storage, &address, result.size = sizeof address);
  }
  return result;
}

bool wait_for(int fd, short events, milliseconds limit) {
  pollfd entry{fd, events, 0};
  return ::poll(&entry, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

bool eventually_impl(bool (*done)(void*), void* context) {
  const auto deadline = Clock::now() + patience;
  while (!done(context)) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

Socket::Socket(int fd) : fd_(fd) {
  const timeval limit{std::chrono::seconds(patience).count(), 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  close();
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

bool Socket::send(core::ByteView bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

Bytes Socket::receive(std::size_t size) {
  Bytes bytes(size);
  std::size_t got = 0;
  while (got < size) {
    const auto count = ::recv(fd_, bytes.data() + got, size - got, 0);
    if (count <= 0) break;
    got += static_cast<std::size_t>(count);
  }
  bytes.resize(got);
  return bytes;
}

Bytes Socket::receive_all(Ending* ending) {
  Bytes all;
  Bytes part(64U << 10);
  for (;;) {
    const auto count = ::recv(fd_, part.data(), part.size(), 0);
    if (count > 0) {
      append(all, core::ByteView(part).first(static_cast<std::size_t>(count)));
      continue;
    }
    if (ending != nullptr)
      *ending = count == 0 ? Ending::eof : errno == ECONNRESET ? Ending::reset : Ending::still_open;
    return all;
  }
}

Ending Socket::wait_end(milliseconds limit) {
  if (!wait_for(fd_, POLLIN, limit)) return Ending::still_open;
  Ending ending = Ending::still_open;
  receive_all(&ending);
  return ending;
}

void Socket::half_close() { ::shutdown(fd_, SHUT_WR); }

void Socket::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

core::Endpoint Socket::local() const {
  SystemAddress address;
  address.size = sizeof address.storage;
  ::getsockname(fd_, address.get(), &address.size);
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address.storage, sizeof in);
    const std::string_view bytes(reinterpret_cast<const char*>(&in.sin_addr), 4);
    return {*core::Address::from_wire(bytes), ntohs(in.sin_port)};
  }
  sockaddr_in6 in{};
  std::memcpy(&in, &address.storage, sizeof in);
  const std::string_view bytes(reinterpret_cast<const char*>(&in.sin6_addr), 16);
  return {*core::Address::from_wire(bytes), ntohs(in.sin6_port)};
}

const char* own_address(int number) {
  static const auto addresses = [] {
    const auto pid = static_cast<unsigned>(::getpid());
    const auto tail = "." + std::to_string(pid >> 8 & 255U) + "." + std::to_string(pid & 255U);
    return std::array{"127.64" + tail, "127.65" + tail};
  }();
  return addresses.at(static_cast<std::size_t>(number - 1)).c_str();
}

Socket bound_socket(int type, const char* address, std::uint16_t port) {
  const auto wanted = endpoint(address, port);
  Socket socket(::socket(wanted.address.is_v4() ? AF_INET : AF_INET6, type, 0));
  auto name = system_address(wanted);
  EXPECT_EQ(::bind(socket.fd(), name.get(), name.size), 0) << std::strerror(errno);
  return socket;
}

bool connect(Socket& socket, const core::Endpoint& to, bool wait) {
  auto name = system_address(to);
  if (!wait) ::fcntl(socket.fd(), F_SETFL, O_NONBLOCK);
  return ::connect(socket.fd(), name.get(), name.size) == 0;
}

core::Endpoint closed_endpoint(int type, const char* address) { return bound_socket(type, address).local(); }

Server::Server(int backlog, const char* address, std::uint16_t port)
    : socket_(bound_socket(SOCK_STREAM, address, port)) {
  EXPECT_EQ(::listen(socket_.fd(), backlog), 0);
}

Socket Server::accept() {
  if (!called(patience)) {
    ADD_FAILURE() << "nobody connected";
    return {};
  }
  return Socket(::accept(socket_.fd(), nullptr, nullptr));
}

bool Server::called(milliseconds limit) const { return wait_for(socket_.fd(), POLLIN, limit); }

BusyServer::BusyServer(const char* address) : server_(0, address) {
  for (;;) {
    auto socket = bound_socket(SOCK_STREAM, address);
    connect(socket, endpoint(), false);
    if (!wait_for(socket.fd(), POLLOUT, milliseconds(100))) return;
    queued_.push_back(std::move(socket));
  }
}

void BusyServer::make_room() {
  for (std::size_t i = 0; i < queued_.size(); ++i) accept();
  queued_.clear();
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int fd = 0; fd < 4096; ++fd) count += ::fcntl(fd, F_GETFD) != -1 ? 1U : 0U;
  return count;
}

}  // namespace tfunnel::test
