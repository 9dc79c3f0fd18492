// A connection to an upstream proxy, for as long as its handshake takes.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/system/errc.hpp>

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "common/core/memory_part.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::proxy {

/// The plain kind; TLS overrides the steps. Each step suspends the coroutine; after expire() each ends with
/// timed_out, after interrupt() the one that waits, or the next, with interrupted(). Destroying it unreleased resets
/// the connection.
///
/// Bytes are peeked at, and consumed only as far as they belong to the handshake: what a server says right
/// behind the proxy's 200 stays in the socket, which release() gives away as it is.
class ProxyConnection {
 public:
  explicit ProxyConnection(asio::io_context& context) : context_(context), socket_(context) {}
  virtual ~ProxyConnection() = default;
  ProxyConnection(const ProxyConnection&) = delete;
  ProxyConnection& operator=(const ProxyConnection&) = delete;

  /// Its cost is charged until it, or the connection in its place, is gone.
  void hold(core::Charge charge) { charge_ = std::move(charge); }

  /// Takes a connection that was made, before any other step. io::prepare() was called for it.
  void adopt(tcp::socket socket) { socket_ = std::move(socket); }
  /// The step between connecting and the first request: nothing, or a TLS handshake. `why` explains an error.
  virtual error_code secure(std::string& why, const asio::yield_context& yield);
  /// Writes all of `text`.
  virtual error_code write(std::string_view text, const asio::yield_context& yield);
  /// Waits for bytes that were not consumed yet; valid until the next call. Errors: eof at the end.
  virtual result<std::string_view> peek(const asio::yield_context& yield);
  /// REQUIRES: peek() showed at least `count` bytes.
  virtual error_code consume(std::size_t count);
  /// The connection as a socket whose next byte is the first that was not consumed.
  virtual result<tcp::socket> release(const asio::yield_context& yield);

  /// Time is up: ends the step that waits.
  void expire() {
    expired_ = true;
    cancel_wait();
  }
  /// Ends the step that waits, which may be taken again.
  void interrupt() {
    interrupted_ = true;
    cancel_wait();
  }
  /// The error by which interrupt() ends a step.
  static error_code interrupted() { return make_error_code(boost::system::errc::stream_timeout); }

 protected:
  virtual void cancel_wait();
  /// Lets all others have their turn in the event loop, deadlines among them: a peer that always has bytes ready must
  /// not keep a coroutine busy for ever. Errors: timed_out after expire(); operation_aborted.
  error_code pass_turn(const asio::yield_context& yield);
  /// Waits until the socket is ready; timed_out after expire().
  error_code wait(tcp::socket::wait_type kind, const asio::yield_context& yield);
  [[nodiscard]] error_code verdict(error_code error);

  asio::io_context& context_;
  core::Charge charge_;
  tcp::socket socket_;

 private:
  bool expired_ = false;
  bool interrupted_ = false;
  std::array<char, 4096> buffer_{};
};

}  // namespace tfunnel::proxy
