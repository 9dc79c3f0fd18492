// Where flows wait until they may show credentials to a proxy.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "common/io/asio.hpp"
#include "proxy/auth/credential_trust.hpp"

namespace tfunnel::proxy {

/// A CredentialTrust for coroutines, and the file where a new password may appear. Those who wait may be unwound when
/// it is gone, but not resumed.
class CredentialGate {
 public:
  /// `password_file` may be empty.
  explicit CredentialGate(std::string password_file);
  ~CredentialGate() { trust_->on_change({}); }
  CredentialGate(const CredentialGate&) = delete;
  CredentialGate& operator=(const CredentialGate&) = delete;

  /// A waiter, and the end of its wait: `over` becomes true, and the timer, which serves nothing else meanwhile, is
  /// cancelled.
  struct Patience {
    asio::steady_timer& timer;
    const bool& over;
  };
  /// Waits for `show` or `withhold`; `wait` if waiting was ended, or the coroutine cancelled.
  CredentialTrust::Verdict ask(const std::string& destination, CredentialTrust::Trial& trial, const Patience& patience,
                               const asio::yield_context& yield);
  /// While they rest: what the file says now, if that is another password than before; looked up once a second. They
  /// count as unknown then.
  std::optional<std::string> changed_password();

  CredentialTrust& trust() { return *trust_; }

  /// They were refused, as `words` say, and the trust knows it.
  void note_refusal(const std::string& words);
  /// The last refusal, and what comes of it, for people.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }

 private:
  using Waiting = std::list<asio::steady_timer*>;
  class Place;

  std::shared_ptr<CredentialTrust> trust_ = std::make_shared<CredentialTrust>();
  std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
  std::string password_file_;
  std::string password_;  // as read
  std::string refusal_;
  core::Time read_at_{};
};

}  // namespace tfunnel::proxy
