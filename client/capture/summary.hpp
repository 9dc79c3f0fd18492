// The traffic through the tunnel, by destination, as --summary prints it, and what was refused.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/status/facts.hpp"
#include "common/core/flow.hpp"

namespace tfunnel::client {

/// Counts, nothing else. Thousands of destinations are told apart; what goes to others is counted together.
class Summary {
 public:
  /// Without destinations it only counts what was refused, and text() has nothing to tell.
  explicit Summary(bool by_destination = true) : by_destination_(by_destination) {}

  /// A TCP flow is over; the far end's reason if that broke it off. UDP flows have no destination.
  void flow_over(const core::Flow& flow, std::optional<core::Reason> reason);
  /// Nobody could be asked: what the program hears is another reason.
  enum class Link { up, down };
  /// A TCP connection was refused here.
  void refused(const core::Endpoint& destination, core::Reason reason, Link link = Link::up);

  void datagram_sent(const core::Endpoint& peer, std::size_t bytes) {
    if (by_destination_) count_sent(peer, bytes);
  }
  void datagram_received(const core::Endpoint& peer, std::size_t bytes) {
    if (by_destination_) count_received(peer, bytes);
  }
  void datagram_refused(const core::Endpoint& peer, core::Reason reason, Link link = Link::up);

  /// A table, or a JSON object a line; the destinations with most bytes come first, and only a hundred are named.
  [[nodiscard]] std::string text(bool json) const;
  /// All that was refused or broken off, with why.
  [[nodiscard]] std::vector<Dropped> dropped() const;

 private:
  static constexpr std::size_t reasons = static_cast<std::size_t>(core::Reason::cancelled) + 1;
  using Why = std::array<std::uint64_t, reasons>;

  /// Of all destinations together.
  struct Refused {
    Why why = {};
    std::uint64_t without_link = 0;
    void add(core::Reason reason, Link link) {
      ++(link == Link::down ? without_link : why[static_cast<std::size_t>(reason)]);
    }
  };

  /// Of one destination.
  struct Row {
    std::uint64_t count = 0;  // connections that were made, or datagrams both ways
    std::uint64_t sent = 0;   // bytes of payload
    std::uint64_t received = 0;
    std::uint64_t refused = 0;  // connections that were not made; errors about datagrams
    Why why = {};               // also of connections that were broken off later
    Row& operator+=(const Row& other);
  };
  struct Line {
    core::Transport transport;
    std::string destination;
    Row row;
  };
  using Rows = std::unordered_map<core::Endpoint, Row>;

  void count_sent(const core::Endpoint& peer, std::size_t bytes);
  void count_received(const core::Endpoint& peer, std::size_t bytes);
  Row& tcp(const core::Endpoint& destination) { return row(tcp_, other_tcp_, destination); }
  Row& udp(const core::Endpoint& peer) { return row(udp_, other_udp_, peer); }
  static Row& row(Rows& rows, Row& other, const core::Endpoint& destination);
  static void add_lines(std::vector<Line>& lines, core::Transport transport, const Rows& rows);
  [[nodiscard]] std::vector<Line> lines() const;
  static std::string json_line(const Line& line);
  static std::string table_line(const Line& line);
  static std::string why(const Row& row);

  bool by_destination_;
  Refused connections_;
  Refused datagrams_;
  Rows tcp_;
  Rows udp_;
  Row other_tcp_;
  Row other_udp_;
};

}  // namespace tfunnel::client
