#include "proxy/http/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>

#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"
#include "common/io/socket_queues.hpp"

namespace tfunnel::proxy {

namespace {

// OpenSSL reads on by itself over messages that it skips (requests to negotiate anew, session tickets). A peer that
// sends nothing else must not keep it from coming back: one call reads no more than this, or one record.
constexpr std::size_t most_in_a_call = 64U << 10;

/// BIO_set_callback_ex(3): `left`, the callback's argument, is the number of bytes that may still be read. Without any
/// it looks as if nothing had come.
long limit_reading(BIO* bio, int operation, const char* /*data*/, std::size_t /*size*/, int /*argi*/, long /*argl*/,
                   int returned, std::size_t* processed) {
  auto& left = *reinterpret_cast<std::size_t*>(::BIO_get_callback_arg(bio));
  if (operation == BIO_CB_READ && left == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (operation == (BIO_CB_READ | BIO_CB_RETURN) && returned > 0) left -= std::min(left, *processed);
  return returned;
}

}  // namespace

TlsSession::TlsSession(TlsHandle session, tcp::socket socket)
    : socket_(std::move(socket)), session_(std::move(session)) {
  ::SSL_set_fd(session_.get(), static_cast<int>(socket_.native_handle()));
  auto* bio = ::SSL_get_rbio(session_.get());
  ::BIO_set_callback_ex(bio, limit_reading);
  ::BIO_set_callback_arg(bio, reinterpret_cast<char*>(&readable_));
}

void TlsSession::begin_call() {
  ::ERR_clear_error();
  errno = 0;
  readable_ = most_in_a_call;
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
  begin_call();
  const auto returned = ::SSL_connect(session_.get());
  if (returned == 1) return {};
  const auto error = error_of(returned, read_wants_);
  if (io::is_transient(error)) return error;
  const auto verdict = ::SSL_get_verify_result(session_.get());
  const auto* words = ::ERR_reason_error_string(::ERR_peek_error());
  if (verdict != X509_V_OK) {
    fault_ = std::string("its certificate is not accepted: ") + ::X509_verify_cert_error_string(verdict) +
             "; --proxy-ca names the authority to trust";
  } else {
    fault_ = "the TLS handshake failed: " + (words != nullptr ? words : error.message());
    const bool no_tls = ::ERR_GET_REASON(::ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER;
    if (no_tls) fault_ += "; if it speaks no TLS, give it as http://";
  }
  return error;
}

result<std::size_t> TlsSession::read_some(asio::mutable_buffer buffer) {
  begin_call();
  std::size_t count = 0;
  const auto returned = ::SSL_read_ex(session_.get(), buffer.data(), buffer.size(), &count);
  if (returned != 1) return error_of(returned, read_wants_);
  return count;
}

result<std::size_t> TlsSession::write_some(asio::const_buffer buffer) {
  begin_call();
  std::size_t count = 0;
  const auto returned = ::SSL_write_ex(session_.get(), buffer.data(), buffer.size(), &count);
  if (returned != 1) return error_of(returned, write_wants_);
  return count;
}

error_code TlsSession::finish() {
  begin_call();
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
