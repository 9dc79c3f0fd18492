// One question's way through the nameservers.
#pragma once

#include <optional>
#include <vector>

#include "common/io/asio.hpp"
#include "proxy/dns/dns_message.hpp"
#include "proxy/dns/resolv_options.hpp"

namespace tfunnel::proxy {

/// Decides which server is asked when, and which answer counts, as the C library's resolver does: one server after the
/// other, each for a while, and all of them again. Unlike there, an answer that comes late, when another
/// server has been asked already, is as good as any. Time is passed in. Pure.
class Inquiry {
 public:
  /// An asker who asks again presses for an answer; that counts this long after the last server was asked at the
  /// earliest.
  static constexpr core::Duration least_gap = std::chrono::milliseconds(500);

  /// REQUIRES: some server; no server twice.
  Inquiry(const std::vector<core::Endpoint>& servers, const ResolvOptions& options);

  /// The server that is to be asked now; nothing: none before due(), or it is over. To be called until it gives
  /// nothing.
  std::optional<core::Endpoint> next(core::Time now);
  /// When next() has something to say, though nothing else happens.
  [[nodiscard]] core::Time due() const { return due_; }

  /// It answered. An answer that tells of a server's trouble (SERVFAIL, NOTIMP, REFUSED) counts only if no other server
  /// has a better one. No effect when it is over.
  void heard(const core::Endpoint& server, dns::Message answer, core::Time now);
  /// It cannot be asked. Time that is up, or a lack of our own, says nothing about a server: then it is silent.
  void failed(const core::Endpoint& server, error_code error, core::Time now);
  /// The asker has asked again: the next server's turn, or the next round, is now.
  void hurry(core::Time now);

  /// An answer counts, or all servers were asked as often as is due.
  [[nodiscard]] bool over() const { return outcome_.has_value(); }
  /// The answer; timed_out if some server was silent to the end; else why the last one could not be asked. REQUIRES:
  /// over().
  [[nodiscard]] const result<dns::Message>& outcome() const { return *outcome_; }
  /// The server that gave it. REQUIRES: over(), and there is an answer.
  [[nodiscard]] const core::Endpoint& answerer() const { return answerer_; }
  /// The server whose time is up without a word, each time it happens: the one asked last before the last next().
  [[nodiscard]] std::optional<core::Endpoint> take_silent();

 private:
  struct Server {
    core::Endpoint endpoint;
    bool asked = false;    // and nothing was heard since
    bool trouble = false;  // it answered so, and is not asked again
    error_code error;      // why it could not be asked the last time
  };
  [[nodiscard]] Server* find(const core::Endpoint& endpoint);
  /// The turn of this one is over.
  void pass_on(const Server& server, core::Time now);
  void exhaust();

  std::vector<Server> servers_;
  core::Duration timeout_;
  std::size_t turns_left_;
  std::size_t at_ = 0;                  // whose turn is next
  std::optional<std::size_t> current_;  // who was asked last
  core::Time asked_at_;
  core::Time due_;
  std::optional<core::Endpoint> silent_;
  std::optional<dns::Message> trouble_;
  core::Endpoint answerer_;
  std::optional<result<dns::Message>> outcome_;
};

}  // namespace tfunnel::proxy
