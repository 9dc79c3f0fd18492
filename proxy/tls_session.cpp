#include "proxy/tls_session.hpp"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <cerrno>

#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"
#include "common/io/socket_queues.hpp"

namespace tfunnel::proxy {

TlsSession::TlsSession(TlsHandle session, tcp::socket socket)
    : socket_(std::move(socket)), session_(std::move(session)) {
  ::SSL_set_fd(session_.get(), static_cast<int>(socket_.native_handle()));
}

error_code TlsSession::error_of(int returned, tcp::socket::wait_type& wants) {
  const auto saved = io::last_error();
  switch (::SSL_get_error(session_.get(), returned)) {
    case SSL_ERROR_WANT_READ: wants = tcp::socket::wait_read; return asio::error::would_block;
    case SSL_ERROR_WANT_WRITE: wants = tcp::socket::wait_write; return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN: return asio::error::eof;
    case SSL_ERROR_SYSCALL: return saved ? saved : error_code(asio::error::connection_reset);
    default: return asio::error::connection_reset;
  }
}

error_code TlsSession::handshake() {
  ::ERR_clear_error();
  errno = 0;
  const auto returned = ::SSL_connect(session_.get());
  if (returned == 1) return {};
  const auto error = error_of(returned, read_wants_);
  if (io::is_transient(error)) return error;
  const auto verdict = ::SSL_get_verify_result(session_.get());
  const auto* words = ::ERR_reason_error_string(::ERR_peek_error());
  if (verdict != X509_V_OK) {
    fault_ = std::string("its certificate is not accepted: ") + ::X509_verify_cert_error_string(verdict);
  } else {
    fault_ = "the TLS handshake failed: " + (words != nullptr ? words : error.message());
  }
  return error;
}

result<std::size_t> TlsSession::read_some(asio::mutable_buffer buffer) {
  ::ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const auto returned = ::SSL_read_ex(session_.get(), buffer.data(), buffer.size(), &count);
  if (returned != 1) return error_of(returned, read_wants_);
  return count;
}

result<std::size_t> TlsSession::write_some(asio::const_buffer buffer) {
  ::ERR_clear_error();
  errno = 0;
  std::size_t count = 0;
  const auto returned = ::SSL_write_ex(session_.get(), buffer.data(), buffer.size(), &count);
  if (returned != 1) return error_of(returned, write_wants_);
  return count;
}

error_code TlsSession::finish() {
  ::ERR_clear_error();
  errno = 0;
  const auto returned = ::SSL_shutdown(session_.get());
  // 0: ours is sent, theirs has not come yet.
  return returned >= 0 ? error_code() : error_of(returned, write_wants_);
}

error_code TlsSession::broken() { return socket_.is_open() ? io::pending_error(socket_) : error_code(); }

std::size_t TlsSession::unacknowledged() {
  return socket_.is_open() ? io::bytes_unacknowledged(socket_.native_handle()) : 0;
}

void TlsSession::close() {
  io::discard_received(socket_.native_handle());
  io::end_gracefully(socket_);
  error_code ignored;
  socket_.close(ignored);
}

void TlsSession::abort() {
  io::reset_on_close(socket_);
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace tfunnel::proxy
