#include "proxy/auth/auth_digest.hpp"

#include <array>
#include <cstdio>
#include <utility>

#include "common/core/text.hpp"

namespace tfunnel::proxy {

namespace {

/// qop is a list such as "auth,auth-int".
bool offers_auth(const std::string& qop) {
  std::string word;
  for (const char c : core::lower(qop) + ",") {
    if (c == ',') {
      if (word == "auth") return true;
      word.clear();
    } else if (c != ' ' && c != '\t') {
      word += c;
    }
  }
  return false;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    // Nothing that a proxy or a user gave may end the header line.
    if (c != '\r' && c != '\n') result += c;
  }
  return result + "\"";
}

/// Eight hexadecimal digits.
std::string nonce_count(std::uint32_t value) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", value);
  return text.data();
}

}  // namespace

DigestAuth::DigestAuth(Credentials credentials, std::function<std::string()> make_cnonce)
    : credentials_(std::move(credentials)), make_cnonce_(std::move(make_cnonce)) {}

std::optional<DigestAuth::Algorithm> DigestAuth::algorithm_of(const Challenge& challenge) {
  auto name = core::lower(challenge.parameter("algorithm"));
  constexpr std::string_view suffix = "-sess";
  const bool session = name.ends_with(suffix);
  if (session) name.resize(name.size() - suffix.size());
  if (name.empty() || name == "md5") return Algorithm{Hash::md5, session};
  if (name == "sha-256") return Algorithm{Hash::sha256, session};
  if (name == "sha-512-256") return Algorithm{Hash::sha512_256, session};
  return std::nullopt;
}

int DigestAuth::strength(const Challenge& challenge) const {
  if (challenge.scheme != "digest" || challenge.parameter("nonce").empty()) return 0;
  const auto qop = challenge.parameter("qop");
  const auto algorithm = algorithm_of(challenge);
  const bool possible = algorithm && (qop.empty() || offers_auth(qop)) && hex_digest(algorithm->hash, "");
  if (!possible) return 0;
  return algorithm->hash == Hash::md5 ? 20 : algorithm->hash == Hash::sha256 ? 21 : 22;
}

DigestAuth::Nonce DigestAuth::nonce_of(const Challenge& challenge) {
  return {challenge, *algorithm_of(challenge), !challenge.parameter("qop").empty()};
}

// The proxy has seen its first use.
void DigestAuth::adopt(const Challenge& challenge) {
  shared_ = nonce_of(challenge);
  shared_->uses = 1;
}

std::string DigestAuth::answer(const Challenge& challenge, const AuthRequest& request) {
  auto nonce = nonce_of(challenge);
  return use(nonce, request);
}

std::string DigestAuth::authorization(const AuthRequest& request) { return use(*shared_, request); }

// RFC 7616, 3.4.1 to 3.4.3; without qop, section 3.2.2.1 of RFC 2617.
std::string DigestAuth::response(const Nonce& nonce, const AuthRequest& request, const std::string& cnonce,
                                 const std::string& count) const {
  const auto hash = [&](const std::string& text) { return hex_digest(nonce.algorithm.hash, text).value_or(""); };
  const auto& challenge = nonce.challenge;
  const auto value = challenge.parameter("nonce");
  auto secret = hash(credentials_.user + ":" + challenge.parameter("realm") + ":" + credentials_.password);
  if (nonce.algorithm.session) secret = hash(secret + ":" + value + ":" + cnonce);
  const auto subject = hash(request.method + ":" + request.target);
  const auto middle = nonce.qop ? value + ":" + count + ":" + cnonce + ":auth" : value;
  return hash(secret + ":" + middle + ":" + subject);
}

std::string DigestAuth::use(Nonce& nonce, const AuthRequest& request) const {
  const auto& challenge = nonce.challenge;
  const auto cnonce = make_cnonce_();
  const auto count = nonce_count(++nonce.uses);
  const auto realm = challenge.parameter("realm");
  const bool hide_user = core::lower(challenge.parameter("userhash")) == "true";
  const auto user =
      hide_user ? hex_digest(nonce.algorithm.hash, credentials_.user + ":" + realm).value_or("") : credentials_.user;
  auto value = "Digest username=" + quoted(user) + ", realm=" + quoted(realm) +
               ", nonce=" + quoted(challenge.parameter("nonce")) + ", uri=" + quoted(request.target);
  if (const auto name = challenge.parameter("algorithm"); !name.empty()) value += ", algorithm=" + name;
  value += ", response=" + quoted(response(nonce, request, cnonce, count));
  if (nonce.qop) value += ", qop=auth, nc=" + count;
  if (nonce.qop || nonce.algorithm.session) value += ", cnonce=" + quoted(cnonce);
  if (const auto opaque = challenge.parameter("opaque"); !opaque.empty()) value += ", opaque=" + quoted(opaque);
  if (hide_user) value += ", userhash=true";
  return value;
}

}  // namespace tfunnel::proxy
