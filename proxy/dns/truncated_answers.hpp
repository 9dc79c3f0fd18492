// Servers that said "ask again over TCP".
#pragma once

#include <deque>
#include <optional>

#include "common/core/datagram_queue.hpp"
#include "proxy/dns/dns_message.hpp"

namespace tfunnel::proxy {

/// Remembers for a moment which server has truncated the answer to which question: that one has the rest, and need not
/// be the first. Pure.
class TruncatedAnswers {
 public:
  static constexpr core::Duration lifetime = std::chrono::seconds(30);
  static constexpr std::size_t most = 64;

  /// REQUIRES: dns::is_query(query).
  void note(core::ByteView query, const core::Endpoint& server, core::Time now);
  /// The server that has the rest of the answer to `query`, which may have another id and other options. REQUIRES: as
  /// note().
  [[nodiscard]] std::optional<core::Endpoint> find(core::ByteView query, core::Time now) const;

 private:
  struct Note {
    dns::Message question;
    core::Endpoint server;
    core::Time until;
  };
  std::deque<Note> notes_;  // the newest first
};

}  // namespace tfunnel::proxy
