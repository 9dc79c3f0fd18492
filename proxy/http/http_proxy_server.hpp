// Facts about one upstream HTTP proxy.
#pragma once

#include <string>

#include "common/core/time.hpp"
#include "proxy/auth/authenticator.hpp"
#include "proxy/auth/credential_gate.hpp"
#include "proxy/http/proxy_url.hpp"

namespace tfunnel::proxy {

/// One for each proxy, shared by all flows that go through it.
struct HttpProxyServer {
  /// Without `make_context`, neither Negotiate nor NTLM is spoken.
  HttpProxyServer(const ProxyUrl& url_, const MakeSecurityContext& make_context)
      : url(url_), authenticator(url.credentials, url.host, make_context), gate(url.password_file) {}
  ProxyUrl url;
  Authenticator authenticator;
  CredentialGate gate;
  core::Time heard{};  // when it last answered anybody
  /// For people; never the credentials.
  [[nodiscard]] std::string name() const { return "HTTP proxy " + url.text(); }
};

}  // namespace tfunnel::proxy
