// The name of a flow's destination, for upstreams that want names.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include "common/io/relay.hpp"
#include "proxy/egress.hpp"
#include "proxy/name_table.hpp"

namespace tfunnel::proxy {

enum class NameMode { automatic, always, never };

/// Looks a name up: first in the DNS answers that passed, else in what the application sends first (TLS or HTTP).
class Namer {
 public:
  struct Settings {
    NameMode mode = NameMode::automatic;
    /// How long the first bytes are waited for on a port where the application speaks first. They usually come right
    /// behind the Open; a connection made in advance, without a word, is what the limit is for.
    core::Duration wait = std::chrono::milliseconds(300);
    /// The same if a flow without a name is refused, on any port.
    core::Duration wait_always = std::chrono::seconds(5);
  };

  /// `table` must outlive the io_context's last handler.
  Namer(asio::io_context& context, const NameTable& table, const Settings& settings)
      : context_(context), table_(table), settings_(settings) {}

  /// The name, empty if there is none and that is no fault. `relay` holds what came before the connection is made.
  /// Errors: no_permission if a name is required and there is none; operation_aborted if the flow was given up.
  result<std::string> find(const Target& target, io::Relay& relay, asio::yield_context yield);

 private:
  [[nodiscard]] core::Duration patience(const Target& target) const;
  std::string sniff(io::Relay& relay, core::Duration patience, const asio::yield_context& yield);

  asio::io_context& context_;
  const NameTable& table_;
  Settings settings_;
};

/// Ports of protocols in which the client speaks first and says a name: HTTP, and TLS from the first byte on.
[[nodiscard]] bool client_speaks_first(std::uint16_t port);

}  // namespace tfunnel::proxy
