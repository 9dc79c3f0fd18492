#include "proxy/auth/auth_challenge.hpp"

#include <algorithm>
#include <cctype>

#include "common/core/text.hpp"

namespace tfunnel::proxy {

namespace {

bool is_token_char(unsigned char c) {
  return std::isalnum(c) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

/// Reads the pieces that the grammar is made of.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool at(char wanted) const { return !rest_.empty() && rest_.front() == wanted; }
  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }
  void skip_one() { rest_.remove_prefix(1); }
  [[nodiscard]] std::size_t mark() const { return rest_.size(); }

  std::string_view token() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_char);
    return take(static_cast<std::size_t>(end - rest_.begin()));
  }
  /// token68, only if nothing but the list's next element follows; else empty, and nothing is taken.
  std::string_view token68() {
    auto end = rest_.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
    end = std::min(rest_.find_first_not_of('=', std::min(end, rest_.size())), rest_.size());
    const auto after = rest_.find_first_not_of(" \t", end);
    if (after != std::string_view::npos && rest_[after] != ',') return {};
    return take(end);
  }
  std::string value() {
    if (!at('"')) return std::string(token());
    skip_one();
    std::string text;
    while (!at_end() && !at('"')) {
      if (at('\\') && rest_.size() > 1) skip_one();
      text += take(1);
    }
    if (!at_end()) skip_one();
    return text;
  }

 private:
  std::string_view take(std::size_t count) {
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
};

/// After a word: `= value` makes it a parameter of the challenge before, anything else a scheme.
void parse_element(Scanner& scanner, std::vector<Challenge>& challenges) {
  const auto word = core::lower(scanner.token());
  const auto before = scanner.mark();
  scanner.skip(" \t");
  if (scanner.at('=')) {
    scanner.skip_one();
    scanner.skip(" \t");
    const auto value = scanner.value();
    if (!challenges.empty()) challenges.back().parameters.emplace(word, value);
    return;
  }
  challenges.push_back({word, {}, {}});
  const bool spaced = scanner.mark() != before;
  if (spaced) challenges.back().token = scanner.token68();
}

}  // namespace

std::string Challenge::parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

std::vector<Challenge> parse_challenges(std::string_view field) {
  std::vector<Challenge> challenges;
  Scanner scanner(field);
  for (;;) {
    scanner.skip(", \t");
    if (scanner.at_end()) return challenges;
    const auto before = scanner.mark();
    if (is_token_char(static_cast<unsigned char>(field[field.size() - before]))) parse_element(scanner, challenges);
    // Text that cannot be read must not be read for ever.
    if (scanner.mark() == before) scanner.skip_one();
  }
}

std::string scheme_names(const std::vector<Challenge>& challenges) {
  std::vector<std::string> names;
  for (const auto& challenge : challenges) {
    auto name = challenge.scheme;
    name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
    if (name == "Ntlm") name = "NTLM";
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace tfunnel::proxy
