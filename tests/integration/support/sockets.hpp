// Blocking sockets for the applications of a test: plain calls, each with a deadline.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {

/// No single wait of a test takes longer.
constexpr auto patience = std::chrono::seconds(80);

/// Polls until `done()` or the deadline; returns its last answer.
template <class Predicate>
bool eventually(Predicate done);

/// The way in which a stream ended.
enum class Ending { eof, reset, still_open };

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd);
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  /// Sends all; false if the connection broke.
  bool send(core::ByteView bytes);
  /// Exactly `size` bytes, or fewer if the stream ended or nothing came in time.
  Bytes receive(std::size_t size);
  /// Reads and drops until the stream ends one way or the other.
  Ending wait_end(std::chrono::milliseconds limit = patience);
  /// All bytes up to the end; a reset shows in `ending`.
  Bytes receive_all(Ending* ending = nullptr);

  void half_close();
  /// Ends with RST.
  void reset();
  void close();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] core::Endpoint local() const;

 private:
  int fd_ = -1;
};

/// A loopback address that no other process uses, so that a port which is free on another address is free there as
/// well. 1 and 2 are different ones.
const char* own_address(int number);

/// A listener on the loopback; `backlog` as in listen(2), `port` 0 is any.
class Server {
 public:
  explicit Server(int backlog = 512, const char* address = "127.0.0.1", std::uint16_t port = 0);
  /// Fails the test if nobody comes.
  Socket accept();
  /// True if a connection waits to be accepted.
  [[nodiscard]] bool called(std::chrono::milliseconds limit) const;
  [[nodiscard]] core::Endpoint endpoint() const { return socket_.local(); }

 private:
  Socket socket_;
};

/// A listener whose queue is full: the system lets further connections wait.
class BusyServer {
 public:
  explicit BusyServer(const char* address = "127.0.0.1");
  /// Takes the connections that fill the queue.
  void make_room();
  Socket accept() { return server_.accept(); }
  [[nodiscard]] core::Endpoint endpoint() const { return server_.endpoint(); }

 private:
  Server server_;
  std::vector<Socket> queued_;
};

/// A socket bound to a loopback port of its own, not connected yet.
Socket bound_socket(int type, const char* address = "127.0.0.1", std::uint16_t port = 0);
bool connect(Socket& socket, const core::Endpoint& to, bool wait = true);
/// An endpoint of the loopback where nobody listens.
core::Endpoint closed_endpoint(int type, const char* address = "127.0.0.1");
std::size_t open_descriptors();

bool eventually_impl(bool (*done)(void*), void* context);
template <class Predicate>
bool eventually(Predicate done) {
  return eventually_impl([](void* context) -> bool { return (*static_cast<Predicate*>(context))(); }, &done);
}

}  // namespace tfunnel::test
