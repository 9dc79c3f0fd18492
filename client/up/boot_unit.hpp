// What closes the way past the tunnel when this machine starts: a unit of systemd (systemd.unit(5)).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "client/rules/system_rules.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::client {

/// The options of `tfunnel up --close-only` that make these rules, without what is looked up when they are made. Pure.
std::vector<std::string> closing_words(const SystemTerms& terms);

/// One per machine, though each network namespace may have its own rules.
class BootUnit {
 public:
  /// Below this directory; another one for tests.
  explicit BootUnit(std::filesystem::path root = "/") : root_(std::move(root)) {}

  /// Does systemd run this machine, or may it when the machine starts next?
  [[nodiscard]] bool is_of_use() const;
  /// Writes it, if it is not there or says something else, so that it holds from the next start on. Whenever we are
  /// killed, what stands is whole, and remove() finds all of it. Errors: the system's; file_exists: it is of another
  /// network namespace.
  [[nodiscard]] error_code install(const std::vector<std::string>& command) const;
  /// Removes all that was installed for this network namespace, or before the machine started. Errors: the system's.
  [[nodiscard]] error_code remove() const;
  /// Is there something for remove() to do?
  [[nodiscard]] bool is_there() const;

 private:
  [[nodiscard]] std::filesystem::path directory() const;
  [[nodiscard]] std::filesystem::path unit() const;
  [[nodiscard]] std::filesystem::path unfinished() const;
  [[nodiscard]] std::filesystem::path wanted() const;
  [[nodiscard]] std::string owner() const;
  [[nodiscard]] bool is_others() const;

  std::filesystem::path root_;
};

/// Has the same rules made when this machine starts, if systemd runs it. Returns why not.
std::optional<std::string> install_boot_unit(const SystemTerms& terms);

/// The unit's text: `command` with the program's whole path; `owner`, whose it is. `made_directory`: that for the link
/// by which it is wanted was not there before. Pure.
std::string boot_unit_text(const std::vector<std::string>& command, const std::string& owner, bool made_directory);

}  // namespace tfunnel::client
