// A client's side of the SOCKS5 handshake (RFC 1928, RFC 1929), without any I/O.
#pragma once

#include <boost/coroutine2/coroutine.hpp>
#include <boost/system/result.hpp>

#include <optional>
#include <string>

#include "proxy/socks5/socks5_address.hpp"
#include "proxy/socks5/socks5_error.hpp"

namespace tfunnel::proxy {

struct Socks5Credentials {
  std::string user;      // 1 to 255 bytes
  std::string password;  // at most 255 bytes
};

enum class Socks5Command : std::uint8_t { connect = 1, udp_associate = 3 };

/// Says what to send and how many bytes to read, step by step:
///
///     while (handshake.running()) { send(handshake.to_send()); handshake.feed(read exactly handshake.wanted() bytes);
///     }
///
/// It never wants a byte that is not the handshake's own, so the socket behind it starts with the first byte of
/// payload. A coroutine so that the conversation reads as a straight line.
class Socks5Handshake {
 public:
  /// Without credentials only "no authentication" is offered; with them both, and the proxy chooses.
  Socks5Handshake(Socks5Command command, Socks5Address destination, std::optional<Socks5Credentials> credentials);
  // The coroutine refers to this object.
  Socks5Handshake(const Socks5Handshake&) = delete;
  Socks5Handshake& operator=(const Socks5Handshake&) = delete;

  [[nodiscard]] bool running() const { return static_cast<bool>(steps_); }
  /// The bytes to be sent before more can come; may be empty.
  [[nodiscard]] const std::string& to_send() const { return to_send_; }
  /// How many bytes the next step needs; above 0 while running().
  [[nodiscard]] std::size_t wanted() const { return wanted_ - input_.size(); }
  /// Takes at most wanted() bytes and returns how many. REQUIRES: running().
  std::size_t feed(core::ByteView bytes);

  /// No more bytes will come: the bytes so far are judged. REQUIRES: running(); it is not any more.
  void end();
  /// The proxy takes us: nothing is said about the user name and password any more.
  [[nodiscard]] bool authenticated() const { return authenticated_; }

  /// The request was sent: a fault from now on may have to do with the destination.
  [[nodiscard]] bool requested() const { return requested_; }
  /// The address that the proxy bound, or why there is none. REQUIRES: not running().
  [[nodiscard]] const boost::system::result<Socks5Address>& outcome() const { return outcome_; }

 private:
  using Steps = boost::coroutines2::coroutine<void>;
  using Error = boost::system::error_code;

  boost::system::result<Socks5Address> converse(Steps::push_type& pause);
  Error agree_on_method(Steps::push_type& pause);
  Error authenticate(Steps::push_type& pause);
  boost::system::result<Socks5Address> request(Steps::push_type& pause);
  /// Sends, then waits for exactly `wanted` bytes; fewer only if the proxy has ended.
  const std::string& exchange(Steps::push_type& pause, std::string to_send, std::size_t wanted);

  Socks5Command command_;
  Socks5Address destination_;
  std::optional<Socks5Credentials> credentials_;
  std::string to_send_;
  std::string input_;
  std::size_t wanted_ = 0;
  bool ended_ = false;
  bool authenticated_ = false;
  bool requested_ = false;
  boost::system::result<Socks5Address> outcome_ = Error(Socks5Error::closed_early);
  Steps::pull_type steps_;
};

}  // namespace tfunnel::proxy
