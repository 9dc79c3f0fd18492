// What is to be told of nameservers that die and come back.
#pragma once

#include <map>
#include <optional>

#include "common/core/address.hpp"
#include "common/core/time.hpp"

namespace tfunnel::proxy {

/// Each query that a dead server leaves unanswered is the same news: it is told once, and once that the server answers
/// again. A single answer that got lost on the way is none, nor is a server that changes its mind all the time. Pure:
/// the time is passed in.
class ServerNews {
 public:
  /// A silent server is dead if it has left so many queries in a row unanswered, the first of them so long ago.
  static constexpr int silences = 2;
  static constexpr core::Duration least_silence = std::chrono::seconds(2);
  /// The death of the same server is told once in this time.
  static constexpr core::Duration pause = std::chrono::minutes(1);
  /// Programs choose whom they ask: no more servers are told apart.
  static constexpr std::size_t most_servers = 256;

  /// It cannot be asked, or says that nobody is there. True: to be told now.
  bool failed(const core::Endpoint& server, core::Time now);
  /// It did not answer a query that was sent at `asked`. True: to be told now.
  bool silent(const core::Endpoint& server, core::Time asked, core::Time now);
  /// It answered, whatever it said. True: its death was told, and its return is to be.
  bool answered(const core::Endpoint& server);

 private:
  struct Server {
    int silences = 0;                   // since its last answer
    core::Time since;                   // when the first of these was asked
    bool told = false;                  // that it is dead
    std::optional<core::Time> told_at;  // the last time
  };
  /// Null: there are too many.
  Server* find_or_make(const core::Endpoint& server, core::Time now);
  static bool dies(Server& server, core::Time now);

  std::map<core::Endpoint, Server> servers_;  // that are or were in trouble
};

}  // namespace tfunnel::proxy
