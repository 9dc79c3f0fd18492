#include "proxy/connect_dialogue.hpp"

#include "common/core/greeting.hpp"

namespace tfunnel::proxy {

namespace {

constexpr unsigned proxy_authentication_required = 407;
// Parallel connections can make each other's nonce stale; a proxy that never has enough must not be asked for ever.
constexpr int most_challenges = 5;
constexpr int most_interims = 16;

/// A gateway's status (RFC 9110, 15.6) says how the destination failed; the rest is the proxy's own refusal.
core::Reason reason_of_status(unsigned status) {
  switch (status) {
    case 502:
    case 503: return core::Reason::host_unreachable;
    case 504: return core::Reason::timed_out;
    default: return core::Reason::upstream_refused;
  }
}

/// What a person should know besides the status.
std::string hint(unsigned status) {
  switch (status) {
    case 403: return "; the proxy's rules forbid this destination (many proxies permit only port 443)";
    case 400:
    case 404:
    case 405:
    case 501: return "; is this an HTTP proxy, and does it permit CONNECT?";
    case 502: return "; the proxy could not reach the destination";
    case 503: return "; the proxy could not connect, or is overloaded";
    case 504: return "; the destination did not answer the proxy in time";
    default: return "";
  }
}

}  // namespace

std::string connect_authority(const Target& target) {
  const auto port = target.destination.port;
  return host_and_port(is_host_name(target.name) ? target.name : target.destination.address.text(), port);
}

std::string ConnectDialogue::request() {
  authorization_ = authenticator_.authorization({"CONNECT", authority_});
  auto text = "CONNECT " + authority_ + " HTTP/1.1\r\nHost: " + authority_ +
              "\r\nUser-Agent: tfunnel/" TFUNNEL_VERSION "\r\nProxy-Connection: Keep-Alive\r\n";
  if (!authorization_.empty()) text += "Proxy-Authorization: " + authorization_ + "\r\n";
  return text + "\r\n";
}

ConnectDialogue::Next ConnectDialogue::on_response(const ResponseHead& head) {
  if (head.success()) return Next::established;
  if (head.interim() && head.status != 101) {
    if (++interims_ <= most_interims) return Next::wait;
    return fail(core::Reason::upstream_refused, "sends nothing but interim responses");
  }
  if (head.status == proxy_authentication_required) return on_challenge(head);
  auto words = "refused: " + std::to_string(head.status) + " " + head.phrase;
  if (!head.detail.empty()) words += " (" + head.detail + ")";
  return fail(reason_of_status(head.status), words + hint(head.status));
}

ConnectDialogue::Next ConnectDialogue::on_challenge(const ResponseHead& head) {
  const auto offer =
      "407, offers " + (head.challenges.empty() ? "nothing" : core::printable(scheme_names(head.challenges)));
  if (!authenticator_.has_credentials()) {
    return fail(core::Reason::upstream_refused,
                "wants credentials (" + offer + "); give --proxy-user and --proxy-password-file");
  }
  const auto* chosen = authenticator_.choose(head.challenges);
  if (chosen == nullptr) {
    return fail(core::Reason::upstream_refused,
                "wants a kind of authentication that is not supported here (" + offer + ")");
  }
  const bool stale = chosen->parameter("stale") == "true" || chosen->parameter("stale") == "TRUE";
  const bool same_again = chosen->scheme == "basic" && !authorization_.empty() && authorization_.starts_with("Basic ");
  if ((answered_here_ && !stale) || same_again || ++challenges_ > most_challenges) {
    return fail(core::Reason::upstream_refused, "refused the credentials (" + offer + ")");
  }
  answered_here_ = true;
  return Next::again;
}

ConnectDialogue::Next ConnectDialogue::fail(core::Reason reason, const std::string& message) {
  reason_ = reason;
  message_ = message;
  return Next::failed;
}

}  // namespace tfunnel::proxy
