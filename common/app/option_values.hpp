// Option values that are read straight into what they mean, with one line for what makes no sense.
#pragma once

#include <boost/program_options.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/core/time.hpp"

namespace tfunnel::app {

namespace po = boost::program_options;

// The values of these functions belong to the description that they are added to.

/// A value of one word, with a default. A word that `parse` does not take is an error as soon as it is read, wherever
/// it stands: "--NAME is RULE, not 'WORD'".
template <class T>
class ParsedValue final : public po::value_semantic {
 public:
  using Parse = std::function<std::optional<T>(std::string_view)>;
  /// `target` has the default; `shown` stands in the help behind the option.
  ParsedValue(T& target, Parse parse, std::string rule, std::string shown)
      : target_(target), usual_(target), parse_(std::move(parse)), rule_(std::move(rule)), shown_(std::move(shown)) {}

  [[nodiscard]] std::string name() const override { return shown_; }
  [[nodiscard]] unsigned min_tokens() const override { return 1; }
  [[nodiscard]] unsigned max_tokens() const override { return 1; }
  [[nodiscard]] bool is_composing() const override { return false; }
  [[nodiscard]] bool is_required() const override { return false; }

  void parse(boost::any& value, const std::vector<std::string>& words, bool /*utf8*/) const override {
    if (!value.empty()) throw po::multiple_occurrences();
    const auto& word = words.at(0);
    auto parsed = parse_(word);
    if (!parsed) throw wrong(word);
    value = std::move(*parsed);
  }
  bool apply_default(boost::any& value) const override {
    value = usual_;
    return true;
  }
  void notify(const boost::any& value) const override { target_ = boost::any_cast<const T&>(value); }

 private:
  [[nodiscard]] po::error_with_option_name wrong(const std::string& word) const {
    po::error_with_option_name error("%canonical_option% is " + rule_ + ", not '%word%'");
    error.set_substitute("word", word);
    return error;
  }

  T& target_;
  T usual_;
  Parse parse_;
  std::string rule_;
  std::string shown_;
};

/// Thirty years at most: they are for ever, and what the clock can still count.
core::Duration seconds(double value);

enum class Bound { positive, zero_too };

/// Seconds, with a fraction if wanted; `target` has the default. More than thirty years are for ever.
po::value_semantic* seconds_value(core::Duration& target, Bound bound);

/// Text that must not be empty: an empty one (an unset variable of a script, say) would quietly mean the opposite.
po::value_semantic* text_value(std::string& target, const std::string& shown);

/// A decimal number from `least` to `most`. Other notations are refused: nobody shall have to know how they are read.
std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t least, std::int64_t most);

/// What help shows of a value with a default.
inline std::string with_default(const std::string& text) { return "arg (=" + text + ")"; }

/// "1 to 64", of such a number.
std::string range_text(std::int64_t least, std::int64_t most);

/// Such a number; `target` has the default.
template <std::integral T>
po::value_semantic* number_value(T& target, std::int64_t least, std::int64_t most) {
  const auto parse = [=](std::string_view text) -> std::optional<T> {
    const auto number = parse_number(text, least, most);
    return number ? std::optional(static_cast<T>(*number)) : std::nullopt;
  };
  return new ParsedValue<T>(target, parse, range_text(least, most), with_default(std::to_string(target)));
}

/// One of some words; `target` has the default, and must be the meaning of one of them.
template <class T>
po::value_semantic* choice_value(T& target, std::initializer_list<std::pair<const char*, T>> list) {
  const std::vector<std::pair<const char*, T>> choices(list);
  std::string rule;
  std::string usual;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    rule += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + std::string(choices[i].first);
    if (choices[i].second == target) usual = choices[i].first;
  }
  const auto parse = [choices](std::string_view text) -> std::optional<T> {
    for (const auto& [word, meaning] : choices) {
      if (word == text) return meaning;
    }
    return std::nullopt;
  };
  return new ParsedValue<T>(target, parse, rule, with_default(usual));
}

}  // namespace tfunnel::app
