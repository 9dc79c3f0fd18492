#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/app/options.hpp"
#include "common/core/address.hpp"
#include "common/io/errors.hpp"
#include "common/io/text_file.hpp"
#include "proxy/http/tls_client.hpp"
#include "proxy/http/tls_session.hpp"
#include "proxy/io/cleared_slot.hpp"
#include "proxy/io/local_pair.hpp"

namespace tfunnel::proxy {

namespace {

// All authorities that a system trusts take a fraction of it.
constexpr std::size_t longest_authorities = 16 << 20;

/// A handshake with a proxy through TLS. The stream's user wants a plain socket afterwards, so a pump
/// joins the session with one.
class TlsConnection final : public ProxyConnection {
 public:
  TlsConnection(asio::io_context& context, TlsHandle handle) : ProxyConnection(context), handle_(std::move(handle)) {}

  error_code secure(std::string& why, const asio::yield_context& yield) override {
    session_ = std::make_unique<TlsSession>(std::move(handle_), std::move(socket_));
    for (;;) {
      auto error = session_->handshake();
      if (io::is_transient(error)) {
        error = wait_for(session_->read_wants(), yield);
        if (!error) continue;
      } else if (error) {
        why = session_->fault();
      }
      return error;
    }
  }

  error_code write(std::string_view text, const asio::yield_context& yield) override {
    while (!text.empty()) {
      const auto count = session_->write_some(asio::buffer(text));
      if (count) {
        text.remove_prefix(*count);
      } else if (!io::is_transient(count.error())) {
        return count.error();
      } else if (const auto error = wait_for(session_->write_wants(), yield)) {
        return error;
      }
    }
    return {};
  }

  result<std::string_view> peek(const asio::yield_context& yield) override {
    if (const auto error = pass_turn(yield)) return error;
    while (rest_.empty()) {
      const auto count = session_->read_some(asio::buffer(buffer_));
      if (count) {
        rest_ = std::string_view(buffer_.data(), *count);
      } else if (!io::is_transient(count.error())) {
        return count.error();
      } else if (const auto error = wait_for(session_->read_wants(), yield)) {
        return error;
      }
    }
    return rest_;
  }

  error_code consume(std::size_t count) override {
    rest_.remove_prefix(count);
    return {};
  }

  result<tcp::socket> release(const asio::yield_context& yield) override {
    auto pair = make_local_pair(context_, yield);
    if (!pair) return pair.error();
    const auto pump = std::make_shared<StreamPump>(context_, std::move(session_),
                                                   std::make_unique<SocketSide>(std::move(pair->second)));
    pump->hold(std::move(charge_));
    pump->start(rest_);
    return std::move(pair->first);
  }

 private:
  void cancel_wait() override {
    ProxyConnection::cancel_wait();
    error_code ignored;
    if (session_) session_->socket().cancel(ignored);
  }

  error_code wait_for(tcp::socket::wait_type kind, const asio::yield_context& yield) {
    if (const auto error = verdict({})) return error;
    error_code error;
    const ClearedSlot cleared(yield);
    session_->socket().async_wait(kind, yield[error]);
    return verdict(error);
  }

  TlsHandle handle_;
  std::unique_ptr<TlsSession> session_;
  std::array<char, StreamPump::buffer_size> buffer_{};
  std::string_view rest_;  // of the buffer, not consumed yet
};

class OpenSslClient final : public TlsClient {
 public:
  explicit OpenSslClient(const std::string& authorities) : context_(::SSL_CTX_new(::TLS_client_method())) {
    auto* context = context_.get();
    if (context == nullptr) throw app::UsageError("OpenSSL cannot be used here", io::ExitStatus::os_error);
    ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    if (authorities.empty()) {
      ::SSL_CTX_set_default_verify_paths(context);
    } else if (const auto file = io::read_file(authorities, longest_authorities); !file) {
      throw app::UsageError("--proxy-ca: cannot read " + authorities + ": " + file.error().message());
    } else if (::SSL_CTX_load_verify_locations(context, authorities.c_str(), nullptr) != 1) {
      throw app::UsageError("--proxy-ca: there is no certificate in " + authorities + "; wanted: a PEM file");
    }
  }

  std::shared_ptr<ProxyConnection> make(asio::io_context& context, const std::string& host) override {
    TlsHandle session(::SSL_new(context_.get()));
    if (!session) throw std::bad_alloc();
    if (core::Address::parse(host)) {
      ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(session.get()), host.c_str());
    } else {
      ::SSL_set_hostflags(session.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      ::SSL_set1_host(session.get(), host.c_str());
      // RFC 6066, 3: a name, never an address.
      ::SSL_set_tlsext_host_name(session.get(), const_cast<char*>(host.c_str()));
    }
    return std::make_shared<TlsConnection>(context, std::move(session));
  }

 private:
  std::unique_ptr<SSL_CTX, TlsDeleter> context_;
};

}  // namespace

// "OpenSSL 3.0.17 1 Jul 2025" with its date.
std::string tls_library() {
  const std::string text = ::OpenSSL_version(OPENSSL_VERSION);
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}

std::unique_ptr<TlsClient> make_tls_client(const std::string& authorities) {
  return std::make_unique<OpenSslClient>(authorities);
}

}  // namespace tfunnel::proxy
