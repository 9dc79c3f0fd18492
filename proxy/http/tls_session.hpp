// A TLS session over a socket that never blocks. OpenSSL is used directly: Asio's ssl::stream cannot end one
// direction while the other goes on.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "proxy/io/stream_pump.hpp"

namespace tfunnel::proxy {

struct TlsDeleter {
  void operator()(SSL* session) const { ::SSL_free(session); }
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using TlsHandle = std::unique_ptr<SSL, TlsDeleter>;

/// A side of a pump, and the calls of a handshake before. Its `would_block` may mean either direction of the
/// socket: read_wants() and write_wants() tell which to wait for.
class TlsSession final : public PumpSide {
 public:
  /// `socket` must be connected and non-blocking.
  TlsSession(TlsHandle session, tcp::socket socket);

  /// One step of the handshake; would_block until it is done. read_wants() applies.
  error_code handshake();
  /// Why the handshake failed, for a person: the certificate's fault, or the library's words.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] tcp::socket::wait_type read_wants() const { return read_wants_; }
  [[nodiscard]] tcp::socket::wait_type write_wants() const { return write_wants_; }
  tcp::socket& socket() { return socket_; }

  /// An end without close_notify is a reset: somebody may have cut the stream (RFC 8446, 6.1).
  result<std::size_t> read_some(asio::mutable_buffer buffer) override;
  result<std::size_t> write_some(asio::const_buffer buffer) override;
  /// Sends close_notify; reading goes on.
  error_code finish() override;
  void wait_read(Handler handler) override { socket_.async_wait(read_wants_, std::move(handler)); }
  void wait_write(Handler handler) override { socket_.async_wait(write_wants_, std::move(handler)); }
  void wait_broken(Handler handler) override { socket_.async_wait(tcp::socket::wait_error, std::move(handler)); }
  error_code broken() override;
  std::size_t unacknowledged() override;
  void close() override;
  void abort() override;

 private:
  /// To be called before each call of OpenSSL's.
  void begin_call();
  /// The meaning of the last call's failure; `wants` is set for would_block.
  error_code error_of(int returned, tcp::socket::wait_type& wants);

  tcp::socket socket_;        // outlives the session, which writes to it
  std::size_t readable_ = 0;  // bytes that the call may still read
  TlsHandle session_;
  std::string fault_;
  tcp::socket::wait_type read_wants_ = tcp::socket::wait_read;
  tcp::socket::wait_type write_wants_ = tcp::socket::wait_write;
};

}  // namespace tfunnel::proxy
