// TLS to https:// proxies. A build without OpenSSL has the same functions, and refuses.
#pragma once

#include <memory>
#include <string>

#include "proxy/http/proxy_connection.hpp"

namespace tfunnel::proxy {

/// Makes TLS connections that trust the same authorities.
class TlsClient {
 public:
  TlsClient() = default;
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  virtual ~TlsClient() = default;

  /// A connection whose certificate must be valid for `host`, a name or an address.
  virtual std::shared_ptr<ProxyConnection> make(asio::io_context& context, const std::string& host) = 0;
};

/// Trusts the authorities in the PEM file `authorities`; the system's if it is empty. Throws app::UsageError
/// if the file is unusable, or this build has no TLS.
std::unique_ptr<TlsClient> make_tls_client(const std::string& authorities);

/// The library for it, with the release that runs: "OpenSSL 3.0.17", or "no OpenSSL".
std::string tls_library();

}  // namespace tfunnel::proxy
