// Conversations with one SOCKS5 proxy.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include <optional>
#include <string>

#include "common/core/time.hpp"
#include "common/io/asio.hpp"
#include "common/io/log.hpp"
#include "proxy/auth/credential_gate.hpp"
#include "proxy/lookup/host_dialler.hpp"
#include "proxy/socks5/socks5_handshake.hpp"

namespace tfunnel::proxy {

struct Socks5Proxy {
  std::string host;  // a name, or an address without brackets
  std::uint16_t port = 1080;
  std::optional<Socks5Credentials> credentials;
  std::string password_file = {};  // where the password came from, and another may appear; may be empty

  /// "host:port", for the log; never the credentials.
  [[nodiscard]] std::string text() const;
};

class Socks5Client {
 public:
  /// If the proxy has other addresses, one that does not answer the greeting within this time (or half the timeout, if
  /// shorter) is left as soon as another can be reached.
  static constexpr core::Duration silence_limit = std::chrono::seconds(5);

  /// `timeout` is for all of connecting and handshake. `log` must outlive the io_context's last handler, and so must
  /// this. Without a `dialler` it has one of its own.
  Socks5Client(asio::io_context& context, Socks5Proxy proxy, core::Duration timeout, const io::Log& log,
               std::shared_ptr<HostDialler> dialler = nullptr);

  struct Dialled {
    tcp::socket socket;   // behind the handshake's last byte
    Socks5Address bound;  // what the proxy bound; of a UDP relay that has a name, the address
  };
  /// Runs inside a coroutine. Errors: a core::Reason (io::error_of), and a line in the log that says what the proxy
  /// said; operation_aborted if the coroutine was cancelled. `about` is for that line. An answer after which it asks
  /// again, by `wish`, is refused_as_called(). `words`, unless null, gets what a person at the application's end should
  /// know.
  result<Dialled> dial(Socks5Command command, const Socks5Address& destination, const io::LogField& about,
                       asio::yield_context yield, AskAgain wish = AskAgain::never, std::string* words = nullptr);
  /// As Egress::stop().
  void stop() { dialler_->stop(); }

 private:
  struct Attempt;
  /// What dial() was called for.
  struct Asked {
    Socks5Command command;
    const Socks5Address& destination;
    const io::LogField& about;
  };
  error_code reach(Attempt& attempt, asio::yield_context yield);
  error_code greet(const std::shared_ptr<Attempt>& attempt, const std::string& greeting, asio::yield_context yield);
  error_code await_answer(const std::shared_ptr<Attempt>& attempt, core::Duration limit, asio::yield_context yield);
  error_code move_on(const std::shared_ptr<Attempt>& attempt, asio::yield_context yield);
  error_code converse(const std::shared_ptr<Attempt>& attempt, Socks5Handshake& handshake, asio::yield_context yield);
  error_code find_relay(Attempt& attempt, Dialled& dialled, const asio::yield_context& yield);
  /// The user name and password, as soon as they may be sent; none if they must not. Errors: nobody waits any more.
  result<std::optional<Socks5Credentials>> credentials(Attempt& attempt, const asio::yield_context& yield);
  /// Judges by the failure whether they are right; gives a better word for it where there is one.
  error_code judge(const Attempt& attempt, error_code error);
  /// The application has waited for long, and may be about to give up.
  void tell_silence(const Asked& asked, const Attempt& attempt);
  /// Logs what went wrong and gives what the application shall learn.
  error_code fault(const Asked& asked, error_code error, bool reached, std::string* words);
  /// In words, without the flow.
  [[nodiscard]] std::string failure(const Asked& asked, error_code error, bool reached) const;

  asio::io_context& context_;
  Socks5Proxy proxy_;
  CredentialGate gate_;
  core::Duration timeout_;
  const io::Log& log_;
  std::shared_ptr<HostDialler> dialler_;
};

}  // namespace tfunnel::proxy
