// What is known of a running client, as its parts tell it. Pure.
#pragma once

#include <sys/types.h>

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/core/time.hpp"

namespace tfunnel::client {

struct LinkFacts {
  bool up = false;
  std::optional<core::Time> since;  // it is up, or down, since then; none: it has never been up
  std::string far_end;              // its software; empty: it has never greeted
  std::uint64_t restarts = 0;       // how often its command was started again
  std::string trouble;              // what was last said of a loss, or of a start that failed
  boost::json::object table;        // see io::flow_table(); empty while it is down
};

/// Packets that met a rule since the rules were made.
struct RuleCounter {
  std::string name;  // as nft(8) knows it
  const char* meaning = "";
  bool refused = false;  // they went nowhere
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

struct RulesFacts {
  bool stand = false;
  const char* kill_switch = "";
  std::string captured;  // in words
  std::vector<RuleCounter> counters;
};

/// Something that did not get where it was to go.
struct Dropped {
  std::string what;  // "connections", "datagrams" or "packets"
  std::string why;
  std::uint64_t count = 0;
};

struct Snapshot {
  std::string command;  // "up", "run", or "client"
  pid_t process = 0;    // which a person would send signals to
  std::string program;  // that `run` runs
  core::Time begun{};
  const char* new_connections = "";  // what becomes of them
  std::vector<LinkFacts> links;
  std::optional<RulesFacts> rules;  // none: they are somebody else's
  std::vector<Dropped> dropped;     // for other reasons than links and rules have counters for
};

}  // namespace tfunnel::client
