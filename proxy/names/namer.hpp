// The name of a flow's destination, for upstreams that want names.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include <optional>

#include "common/io/relay.hpp"
#include "proxy/egress/egress.hpp"
#include "proxy/names/name_sniffer.hpp"
#include "proxy/names/name_table.hpp"
#include "proxy/names/naming_memory.hpp"

namespace tfunnel::proxy {

enum class NameMode { automatic, always, never };

/// Finds names: first in the application's own first bytes (TLS or HTTP), which nobody else could have written,
/// then in the DNS answers that passed, unless it means the address. An address is a name's second. Where several names
/// of DNS answers share an address, it is asked for itself, and by the latest name only if an upstream forbids
/// addresses.
class Namer {
 public:
  struct Settings {
    NameMode mode = NameMode::automatic;
    /// How long the first bytes are waited for on a port where the application speaks first. They usually come right
    /// behind the Open; the limit is for a connection made in advance, without a word.
    core::Duration wait = std::chrono::milliseconds(300);
    /// The same if a flow without a name is refused and no DNS answer gave one, on any port.
    core::Duration wait_always = std::chrono::seconds(5);
  };

  /// `table` must outlive the io_context's last handler.
  Namer(asio::io_context& context, const NameTable& table, const Settings& settings)
      : context_(context), table_(table), settings_(settings) {}

  /// `relay` holds what came before the connection is made. Errors: no_permission if a name is required and there is
  /// none; operation_aborted if the flow was given up.
  result<Naming> find(const Target& target, io::Relay& relay, asio::yield_context yield);
  /// The upstream refused the first name that find() gave and took the second: for some time that one comes first.
  void second_worked(const Target& target, const Naming& naming);

 private:
  [[nodiscard]] core::Duration patience(const Target& target, bool is_known) const;
  core::Finding sniff(io::Relay& relay, core::Duration patience, const asio::yield_context& yield);

  asio::io_context& context_;
  const NameTable& table_;
  Settings settings_;
  NamingMemory memory_;
};

/// The thing to ask for if the application said `said` and the address is `known` from DNS; of names only if `always`.
[[nodiscard]] Naming choose_name(const core::Finding& said, const std::optional<NameTable::Known>& known, bool always);

/// Ports of protocols in which the client speaks first and says a name: HTTP, and TLS from the first byte on.
[[nodiscard]] bool client_speaks_first(std::uint16_t port);

}  // namespace tfunnel::proxy
