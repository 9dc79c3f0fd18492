#include "proxy/http/connect_dialogue.hpp"

#include <algorithm>
#include <array>

#include "common/core/greeting.hpp"
#include "common/core/host_name.hpp"
#include "proxy/auth/base64.hpp"
#include "proxy/http/proxy_url.hpp"

namespace tfunnel::proxy {

namespace {

// Parallel connections can make each other's nonce stale; a proxy that never has enough must not be asked for ever.
constexpr int most_challenges = 5;
constexpr int most_interims = 16;
constexpr std::size_t longest_failure = 250;
constexpr const char* usual_port = "443";
constexpr unsigned forbidden_by_rules = 403;

/// A gateway's status (RFC 9110, 15.6) says how the destination failed; the rest is the proxy's own refusal.
core::Reason reason_of_status(unsigned status) {
  switch (status) {
    case 502:
    case 503: return core::Reason::host_unreachable;
    case 504: return core::Reason::timed_out;
    default: return core::Reason::upstream_refused;
  }
}

AskAgain ask_again_after(unsigned status) {
  constexpr std::array<unsigned, 15> others{101, 401, 405, 407, 408, 411, 413, 414, 417, 426, 429, 431, 501, 505, 511};
  if (status == 403) return AskAgain::if_forbidden;
  return std::ranges::find(others, status) == others.end() ? AskAgain::if_refused : AskAgain::never;
}

/// A hint for a person besides the status.
std::string hint(unsigned status) {
  switch (status) {
    case 401: return "; it answers like a web server: is this an HTTP proxy?";
    case 400:
    case 404:
    case 405:
    case 426:
    case 501: return "; is this an HTTP proxy, and does it permit CONNECT?";
    case 502: return "; the proxy could not reach the destination";
    case 503: return "; the proxy could not connect, or is overloaded";
    case 504: return "; the destination did not answer the proxy in time";
    case 511: return "; the network wants a login first: open any page with a browser";
    default: return "";
  }
}

/// What the head says beside the status.
std::string phrase_and_detail(const ResponseHead& head) {
  auto words = head.phrase;
  if (!head.detail.empty()) words += (words.empty() ? "(" : " (") + head.detail + ")";
  return words;
}

// It does not say whether it is the port, the destination or the user that its rules forbid; most often it is the port.
std::string forbidden(const ResponseHead& head, std::string_view authority) {
  const auto port = std::string(authority.substr(authority.rfind(':') + 1));
  auto words = port == usual_port ? "does not permit this destination (403)"
                                  : "permits no port " + port + " (403), or not to this destination";
  if (const auto more = phrase_and_detail(head); !more.empty()) words += ": " + more;
  return port == usual_port ? words : words + "; many proxies permit only port " + usual_port;
}

std::string in_words(const ResponseHead& head) {
  auto words = std::to_string(head.status);
  if (const auto more = phrase_and_detail(head); !more.empty()) words += " " + more;
  if (head.status / 100 != 3 || head.location.empty()) return words + hint(head.status);
  // The proxy, or a captive portal in its place, sends a user who has not logged in to a page.
  return words + "; it wants a browser to go to " + head.location + ", perhaps to log in there";
}

}  // namespace

std::string connect_authority(const Target& target) {
  const auto port = target.destination.port;
  return host_and_port(core::is_host_name(target.name) ? target.name : target.destination.address.text(), port);
}

ConnectDialogue::Next ConnectDialogue::begin() {
  scheme_ = authenticator_.known();
  if (scheme_ != nullptr) context_ = scheme_->new_context();
  return context_ ? Next::step : Next::again;
}

std::string ConnectDialogue::request() {
  connection_spoilt_ = false;
  token_sent_ = context_ != nullptr;
  authorization_ = token_sent_ ? scheme_->name() + " " + token_ : scheme_ == nullptr ? std::string() : password_proof();
  auto text = "CONNECT " + authority_ + " HTTP/1.1\r\nHost: " + authority_ +
              "\r\nUser-Agent: tfunnel/" TFUNNEL_VERSION "\r\nProxy-Connection: Keep-Alive\r\n";
  if (!authorization_.empty()) text += "Proxy-Authorization: " + authorization_ + "\r\n";
  return text + "\r\n";
}

std::string ConnectDialogue::password_proof() {
  const AuthRequest request{"CONNECT", authority_};
  return challenge_ ? scheme_->answer(*challenge_, request) : scheme_->authorization(request);
}

ConnectDialogue::Next ConnectDialogue::withhold_password(const std::string& why) {
  scheme_ = nullptr;
  context_.reset();
  if (offered_.empty()) return Next::again;
  return fail(core::Reason::upstream_refused, why);
}

ConnectDialogue::Next ConnectDialogue::choose_again() {
  answered_here_ = false;
  scheme_ = nullptr;
  context_.reset();
  return offered_.empty() ? Next::again : choose();
}

ConnectDialogue::Connection ConnectDialogue::connection() const {
  if (context_ && !received_.empty()) return Connection::same;
  return connection_spoilt_ ? Connection::fresh : Connection::any;
}

ConnectDialogue::Next ConnectDialogue::on_response(const ResponseHead& head) {
  if (head.success()) {
    if (challenge_ && scheme_ != nullptr) scheme_->adopt(*challenge_);
    return Next::established;
  }
  if (head.interim() && head.status != 101) {
    if (++interims_ <= most_interims) return Next::wait;
    return fail(core::Reason::upstream_refused, "sends nothing but interim responses");
  }
  if (head.status == proxy_authentication_required) return on_challenge(head);
  // tinyproxy's word for a wrong password; who was shown none is no proxy.
  if (head.status == unauthorized && !authorization_.empty()) return fail_refused(head.status);
  asks_again_ = ask_again_after(head.status);
  if (head.status == forbidden_by_rules) return fail(reason_of_status(head.status), forbidden(head, authority_));
  return fail(reason_of_status(head.status), "refused: " + in_words(head));
}

ConnectDialogue::Next ConnectDialogue::on_challenge(const ResponseHead& head) {
  offered_ = head.challenges;
  if (++challenges_ > most_challenges) return fail_refused(proxy_authentication_required);
  return token_sent_ ? on_token() : choose();
}

// RFC 4559, 5: the proxy's token stands where the challenge was. None means that it did not like ours.
ConnectDialogue::Next ConnectDialogue::on_token() {
  for (const auto& challenge : offered_) {
    if (challenge.token.empty() || scheme_->strength(challenge) == 0) continue;
    const auto token = base64_decoded(challenge.token);
    if (!token || token->empty()) return leave_scheme("the proxy's token is not Base64");
    received_ = *token;
    return Next::step;
  }
  refused_ = true;
  password_refused_ = password_refused_ || scheme_->uses_password();
  return leave_scheme({});
}

ConnectDialogue::Next ConnectDialogue::on_step(const SecurityContext::Step& made) {
  if (!made.failure.empty()) return leave_scheme(made.failure);
  if (made.token.empty()) return leave_scheme("the proxy asks for more when all was said");
  token_ = base64_encoded(made.token);
  return Next::again;
}

ConnectDialogue::Next ConnectDialogue::leave_scheme(const std::string& why) {
  if (!why.empty()) failures_ += "; " + scheme_->name() + ": " + core::printable(why, longest_failure);
  connection_spoilt_ = token_sent_;
  left_.insert(scheme_);
  authenticator_.forget(scheme_);
  scheme_ = nullptr;
  context_.reset();
  received_.clear();
  token_sent_ = false;
  // Without a challenge yet: ask what else there is.
  return offered_.empty() ? Next::again : choose();
}

ConnectDialogue::Next ConnectDialogue::choose() {
  const auto choice = authenticator_.choose(offered_, left_);
  if (choice.scheme == nullptr) return fail_for_want_of_a_scheme();
  context_ = choice.scheme->new_context();
  if (!context_) return answer_by_password(*choice.challenge, *choice.scheme);
  scheme_ = choice.scheme;
  return Next::step;
}

ConnectDialogue::Next ConnectDialogue::answer_by_password(const Challenge& challenge, AuthScheme& scheme) {
  const bool stale = challenge.parameter("stale") == "true" || challenge.parameter("stale") == "TRUE";
  const bool same_again = challenge.scheme == "basic" && authorization_.starts_with("Basic ");
  if ((answered_here_ && !stale) || same_again) {
    password_refused_ = true;
    return fail_refused(proxy_authentication_required);
  }
  answered_here_ = true;
  challenge_ = challenge;
  scheme_ = &scheme;
  return Next::again;
}

std::string ConnectDialogue::offers() const {
  return offered_.empty() ? "nothing" : core::printable(scheme_names(offered_));
}

ConnectDialogue::Next ConnectDialogue::fail_refused(unsigned status) {
  const std::string hint = authenticator_.has_password() ? ": check --proxy-user and the password" : "";
  const auto offered = status != proxy_authentication_required ? "" : "; it offers " + offers();
  return fail(core::Reason::upstream_refused,
              "refused the credentials (" + std::to_string(status) + ")" + hint + offered + failures_);
}

ConnectDialogue::Next ConnectDialogue::fail_for_want_of_a_scheme() {
  if (refused_) return fail_refused(proxy_authentication_required);
  const bool takes_password = offered_.empty() || std::ranges::any_of(offered_, [](const Challenge& challenge) {
                                return challenge.scheme == "basic" || challenge.scheme == "digest";
                              });
  if (takes_password && !authenticator_.has_password()) {
    return fail(core::Reason::upstream_refused, "wants credentials (407, offers " + offers() +
                                                    "); give --proxy-user and --proxy-password-file" + failures_);
  }
  const std::string words =
      failures_.empty() ? "wants a kind of authentication that is not supported here" : "wants authentication";
  return fail(core::Reason::upstream_refused, words + " (407, offers " + offers() + ")" + failures_);
}

ConnectDialogue::Next ConnectDialogue::fail(core::Reason reason, const std::string& message) {
  reason_ = reason;
  message_ = message;
  return Next::failed;
}

}  // namespace tfunnel::proxy
