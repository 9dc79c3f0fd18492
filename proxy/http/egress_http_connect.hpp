// Through an upstream HTTP proxy that is asked to CONNECT (RFC 9110, 9.3.6).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/io/log.hpp"
#include "proxy/auth/security_context.hpp"
#include "proxy/egress/egress.hpp"
#include "proxy/http/http_connect_handshake.hpp"
#include "proxy/http/http_proxy_connector.hpp"
#include "proxy/http/http_proxy_server.hpp"
#include "proxy/http/proxy_rest.hpp"
#include "proxy/http/proxy_url.hpp"
#include "proxy/http/tls_client.hpp"
#include "proxy/io/blocking_calls.hpp"
#include "proxy/lookup/host_dialler.hpp"

namespace tfunnel::proxy {

class HttpConnectEgress final : public Egress {
 public:
  struct Settings {
    std::vector<ProxyUrl> proxies;              // tried in this order; at least one
    core::Duration timeout{};                   // for all of it, until the destination is connected
    std::shared_ptr<TlsClient> tls;             // REQUIRES: set if a proxy is https
    MakeSecurityContext make_context = {};      // none: neither Negotiate nor NTLM
    std::shared_ptr<HostDialler> dialler = {};  // none: one of its own
  };

  /// `log` must outlive this.
  HttpConnectEgress(asio::io_context& context, const Settings& settings, const io::Log& log);

  /// Through the first proxy that can be reached and answers. Errors carry the reason for the application
  /// (io::error_of); the log has a line that says what happened.
  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const Target& /*target*/) const override { return true; }
  void stop() override;

 private:
  class Flow;

  HttpConnectHandshake::Tools handshake_tools();
  /// The proxy could not be used: it rests, at least for `least_rest`, and the log says `what`, behind its
  /// name, unless it rests already.
  void note_failure(std::size_t index, const std::string& what, core::Duration least_rest);

  asio::io_context& context_;
  Settings settings_;
  const io::Log& log_;
  HttpProxyConnector connector_;
  std::vector<std::unique_ptr<HttpProxyServer>> servers_;
  ProxyRest rest_;
  BlockingCalls blocking_calls_;  // of security contexts
};

}  // namespace tfunnel::proxy
