#include <sstream>

#include "client/run/mounts.hpp"

namespace tfunnel::client {

namespace {

/// The words behind "hosts:"; a # begins a comment.
std::string hosts_line(const std::string& nsswitch) {
  std::istringstream lines(nsswitch);
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    std::string database;
    std::string services;
    if (words >> database && database == "hosts:" && std::getline(words, services)) return services;
  }
  return "";
}

bool has_word(const std::string& text, const std::string& wanted) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word == wanted) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> name_service_directories(const std::string& nsswitch) {
  std::vector<std::string> all{"/run/systemd/resolve", "/run/nscd",         "/var/run/nscd",
                               "/run/unscd",           "/run/avahi-daemon", "/var/run/avahi-daemon"};
  if (has_word(hosts_line(nsswitch), "sss")) all.emplace_back("/var/lib/sss/pipes");
  return all;
}

}  // namespace tfunnel::client
