#include "proxy/socks5/socks5_handshake.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace tfunnel::proxy {

namespace {

constexpr char version = 5;
constexpr char no_authentication = 0;
constexpr char user_and_password = 2;
constexpr char password_version = 1;

char length_byte(const std::string& text) { return static_cast<char>(text.size()); }

/// An answer that begins with another version.
Socks5Error other_protocol(const std::string& answer) {
  constexpr char tls_alert = 0x15;
  if (answer[0] == 'H') return Socks5Error::speaks_http;
  return answer[0] == tls_alert ? Socks5Error::speaks_tls : Socks5Error::not_socks5;
}

}  // namespace

Socks5Handshake::Socks5Handshake(Socks5Command command, Socks5Address destination,
                                 std::optional<Socks5Credentials> credentials)
    : command_(command),
      destination_(std::move(destination)),
      credentials_(std::move(credentials)),
      steps_([this](Steps::push_type& pause) { outcome_ = converse(pause); }) {}

std::size_t Socks5Handshake::feed(core::ByteView bytes) {
  assert(running());
  const auto taken = std::min(bytes.size(), wanted());
  input_.append(reinterpret_cast<const char*>(bytes.data()), taken);
  if (wanted() == 0) steps_();
  return taken;
}

void Socks5Handshake::end() {
  assert(running());
  ended_ = true;
  while (running()) steps_();
}

const std::string& Socks5Handshake::exchange(Steps::push_type& pause, std::string to_send, std::size_t wanted) {
  to_send_ = std::move(to_send);
  wanted_ = wanted;
  input_.clear();
  if (!ended_) pause();
  return input_;
}

boost::system::result<Socks5Address> Socks5Handshake::converse(Steps::push_type& pause) {
  if (destination_.name.size() > 255) return Error(Socks5Error::name_too_long);
  if (const auto error = agree_on_method(pause)) return error;
  authenticated_ = true;
  return request(pause);
}

Socks5Handshake::Error Socks5Handshake::agree_on_method(Steps::push_type& pause) {
  std::string greeting{version, 1, no_authentication};
  if (credentials_) greeting = {version, 2, no_authentication, user_and_password};
  const auto& answer = exchange(pause, greeting, 2);
  if (!answer.empty() && answer[0] != version) return other_protocol(answer);
  if (answer.size() < 2) return Socks5Error::closed_early;
  if (answer[1] == no_authentication) return {};
  if (answer[1] == user_and_password && credentials_) return authenticate(pause);
  return Socks5Error::no_acceptable_method;
}

Socks5Handshake::Error Socks5Handshake::authenticate(Steps::push_type& pause) {
  const auto& [user, password] = *credentials_;
  const auto& answer =
      exchange(pause, std::string{password_version, length_byte(user)} + user + length_byte(password) + password, 2);
  if (answer.size() < 2) return Socks5Error::closed_at_password;
  // Some proxies answer with version 5 here; only the status counts.
  return answer[1] == 0 ? Error() : Error(Socks5Error::credentials_rejected);
}

boost::system::result<Socks5Address> Socks5Handshake::request(Steps::push_type& pause) {
  requested_ = true;
  const std::string head{version, static_cast<char>(command_), 0};
  const auto& answer = exchange(pause, head + socks5_encode(destination_), 4);
  if (!answer.empty() && answer[0] != version) return other_protocol(answer);
  // A refusal may come without the rest.
  if (answer.size() >= 2 && answer[1] != 0)
    return Error(static_cast<Socks5Error>(static_cast<unsigned char>(answer[1])));
  if (answer.size() < 4) return Error(Socks5Error::closed_early);
  const auto kind = answer[3];
  auto size = socks5_address_size(kind);
  std::string address(1, kind);
  if (kind == socks5_name) {
    address += exchange(pause, {}, 1);
    if (address.size() < 2) return Error(Socks5Error::closed_early);
    size = static_cast<unsigned char>(address[1]);
  }
  if (!size) return Error(Socks5Error::malformed_reply);
  const auto& rest = exchange(pause, {}, *size + 2);
  if (rest.size() < *size + 2) return Error(Socks5Error::closed_early);
  address += rest;
  auto decoded = socks5_decode(core::ByteView(reinterpret_cast<const std::uint8_t*>(address.data()), address.size()));
  if (!decoded) return Error(Socks5Error::malformed_reply);
  return std::move(decoded->address);
}

}  // namespace tfunnel::proxy
