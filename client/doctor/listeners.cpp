#include "client/doctor/listeners.hpp"

#include <sstream>

#include "client/up/socket_table.hpp"

namespace tfunnel::client {

namespace {

std::string trimmed(const std::string& text) {
  constexpr const char* blanks = " \t\r";
  const auto begin = text.find_first_not_of(blanks);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

std::set<Listener> listeners_in(std::string_view table, bool is_tcp) {
  // A UDP socket without a peer is told as a closed one.
  const auto waiting = is_tcp ? SocketEntry::listening : SocketEntry::closed;
  std::set<Listener> found;
  for (const auto& socket : sockets_in(table)) {
    if (socket.state == waiting && socket.peer.port == 0) found.insert({is_tcp, socket.local});
  }
  return found;
}

std::string ini_value(std::string_view text, std::string_view section, std::string_view key) {
  std::string now;
  std::string value;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    line = trimmed(line);
    const auto equals = line.find('=');
    if (line.starts_with('[') && line.ends_with(']')) {
      now = line.substr(1, line.size() - 2);
    } else if (equals != std::string::npos && now == section && trimmed(line.substr(0, equals)) == key) {
      value = trimmed(line.substr(equals + 1));
    }
  }
  return value;
}

}  // namespace tfunnel::client
