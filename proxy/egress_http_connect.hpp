// Through an upstream HTTP proxy that is asked to CONNECT (RFC 9110, 9.3.6).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/io/log.hpp"
#include "proxy/authenticator.hpp"
#include "proxy/blocking_calls.hpp"
#include "proxy/connect_dialogue.hpp"
#include "proxy/credential_gate.hpp"
#include "proxy/egress.hpp"
#include "proxy/host_dialler.hpp"
#include "proxy/proxy_connection.hpp"
#include "proxy/proxy_rest.hpp"
#include "proxy/proxy_url.hpp"
#include "proxy/tls_client.hpp"

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

  /// If others are left, a proxy that cannot be reached within this time (or half the timeout, if shorter) is dead, and
  /// one that has nothing to say for so long is left as soon as another can be reached.
  static constexpr core::Duration reach_limit = std::chrono::seconds(5);
  /// The same for one that rested, and may be back.
  static constexpr core::Duration probe_limit = std::chrono::seconds(2);

  /// `log` must outlive this.
  HttpConnectEgress(asio::io_context& context, const Settings& settings, const io::Log& log);

  /// Through the first proxy that can be reached and answers. Errors carry the reason for the application
  /// (io::error_of); the log has a line that says what happened.
  result<tcp::socket> connect(const Target& target, asio::yield_context yield) override;
  [[nodiscard]] bool wants_name(const Target& /*target*/) const override { return true; }

 private:
  struct Server {
    Server(const ProxyUrl& url_, const MakeSecurityContext& make_context)
        : url(url_), authenticator(url.credentials, url.host, make_context), gate(url.password_file) {}
    ProxyUrl url;
    Authenticator authenticator;
    CredentialGate gate;
    core::Time heard{};  // when it last answered anybody
    [[nodiscard]] std::string name() const { return "HTTP proxy " + url.text(); }
  };
  struct Attempt;
  class Handshake;
  class Flow;

  /// Connects to the next address that answers, and secures; fills attempt.connection. `why` says what went wrong.
  error_code reach(Server& server, Attempt& attempt, std::string& why, const asio::yield_context& yield);
  /// The same to the address that was reached before.
  error_code reach_again(Server& server, Attempt& attempt, std::string& why, const asio::yield_context& yield);
  error_code secure(Server& server, Attempt& attempt, tcp::socket socket, std::string& why,
                    const asio::yield_context& yield);
  [[nodiscard]] core::Duration limit(bool others_left, bool is_probe = false) const;
  void note_failure(std::size_t index, const std::string& why, core::Duration least_rest);

  asio::io_context& context_;
  Settings settings_;
  const io::Log& log_;
  std::vector<std::unique_ptr<Server>> servers_;
  ProxyRest rest_;
  BlockingCalls blocking_calls_;  // of security contexts
};

}  // namespace tfunnel::proxy
