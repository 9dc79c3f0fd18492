#include "client/run/checked_files.hpp"

#include <glob.h>
#include <pwd.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iomanip>
#include <memory>
#include <sstream>
#include <utility>

#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace fs = std::filesystem;

namespace {

constexpr const char* system_settings = "/etc/ssh/ssh_config";
// As deep as OpenSSH goes, and far more than anybody has.
constexpr int most_depth = 16;
constexpr std::size_t most_files = 256;
constexpr std::uintmax_t most_bytes = 262'144;

/// Of /etc/passwd: a daemon that knows more users may be slow, or not there. Where ssh takes it from.
std::string home_of(uid_t user) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> users(std::fopen("/etc/passwd", "re"), std::fclose);
  const passwd* entry = nullptr;
  while (users && (entry = ::fgetpwent(users.get())) != nullptr) {
    if (entry->pw_uid == user) return entry->pw_dir;
  }
  return "";
}

std::set<fs::path> homes() {
  std::set<fs::path> all;
  const auto* named = std::getenv("HOME");
  for (const auto& home : {home_of(::geteuid()), std::string(named == nullptr ? "" : named)}) {
    if (home.starts_with('/')) all.insert(home);
  }
  return all;
}

/// With * for what ssh fills in: %u, ${NAME}.
std::string with_wildcards(const std::string& word) {
  std::string pattern;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const bool is_token = word[i] == '%' && i + 1 < word.size();
    const auto end = word.compare(i, 2, "${") == 0 ? word.find('}', i) : std::string::npos;
    pattern += is_token || end != std::string::npos ? '*' : word[i];
    if (is_token) ++i;
    if (end != std::string::npos) i = end;
  }
  return pattern;
}

struct stat facts_of(const fs::path& path) {
  struct stat facts {};
  // What cannot be looked at is no file of root's.
  if (::stat(path.c_str(), &facts) != 0) facts.st_uid = static_cast<uid_t>(-1);
  return facts;
}

bool is_roots_alone(const fs::path& directory) {
  for (fs::path path = directory;; path = path.parent_path()) {
    const auto facts = facts_of(path);
    if (facts.st_uid != 0 || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0) return false;
    if (!path.has_relative_path()) return true;
  }
}

/// Follows Include from file to file.
class Finder {
 public:
  /// `base` is where relative paths begin.
  void follow(const fs::path& file, const fs::path& base, const fs::path& home, int depth = 0) {
    std::error_code error;
    if (depth > most_depth || !fs::is_regular_file(file, error) || fs::file_size(file, error) > most_bytes) return;
    for (const auto& word : ssh_includes(io::file_contents(file))) {
      const bool is_in_home = word.starts_with("~/") && !home.empty();
      const auto pattern = with_wildcards(is_in_home ? (home / word.substr(2)).string() : (base / word).string());
      found_.patterns.push_back(pattern);
      note_directory(fs::path(pattern).parent_path());
      for (const auto& path : matches(pattern)) {
        if (note(path)) follow(path, base, home, depth + 1);
      }
    }
  }

  /// False: nothing new.
  bool note(const fs::path& path) {
    if (seen_.size() >= most_files || !seen_.insert(path).second) return false;
    const auto facts = facts_of(path);
    (facts.st_uid == 0 ? found_.files : found_.strangers).emplace(facts.st_dev, facts.st_ino);
    if (facts.st_uid == 0) {
      found_.paths.push_back(path);
      std::error_code error;
      note_directory(fs::canonical(path, error).parent_path());
    }
    return true;
  }

  CheckedFiles take() {
    // What may come elsewhere is not known to be root's.
    std::erase_if(found_.patterns, [this](const fs::path& pattern) {
      std::error_code error;
      return !found_.directories.contains(fs::canonical(pattern.parent_path(), error));
    });
    return std::move(found_);
  }

 private:
  void note_directory(const fs::path& path) {
    std::error_code error;
    const auto real = fs::canonical(path, error);
    if (!error && is_roots_alone(real)) found_.directories.insert(real);
  }

  CheckedFiles found_;
  std::set<fs::path> seen_;
};

}  // namespace

std::vector<std::string> ssh_includes(const std::string& text) {
  constexpr const char* blanks = " \t\r\f";
  std::vector<std::string> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(blanks);
    if (begin == std::string::npos) continue;
    const auto end = std::min(line.find_first_of(" \t\r\f=", begin), line.size());
    if (::strcasecmp(line.substr(begin, end - begin).c_str(), "include") != 0) continue;
    const auto sign = line.find_first_not_of(blanks, end);
    if (sign != std::string::npos && line[sign] == '=') line[sign] = ' ';
    std::istringstream words(line.substr(end));
    for (std::string word; words >> std::quoted(word) && !word.starts_with('#');) all.push_back(word);
  }
  return all;
}

std::vector<std::string> matches(const std::string& pattern) {
  // Nobody writes more of them, and each may multiply what has to be read before the program starts.
  constexpr auto most_wildcards = 4;
  glob_t found{};
  std::vector<std::string> all;
  if (std::ranges::count_if(pattern, [](char c) { return c == '*' || c == '?' || c == '['; }) > most_wildcards)
    return all;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) all.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return all;
}

CheckedFiles find_checked_files() {
  if (::geteuid() == 0) return {};
  Finder finder;
  finder.follow(system_settings, fs::path(system_settings).parent_path(), "");
  // ssh finds the file by /etc/passwd, and what it includes by $HOME.
  const auto all = homes();
  for (const auto& home : all) {
    const auto settings = home / ".ssh/config";
    finder.note(settings);
    for (const auto& base : all) finder.follow(settings, base / ".ssh", base);
  }
  return finder.take();
}

}  // namespace tfunnel::client
