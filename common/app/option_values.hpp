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

#include "common/app/usage_error.hpp"
#include "common/core/time.hpp"

namespace tfunnel::app {

namespace po = boost::program_options;

// The values of these functions belong to the description that they are added to.

/// Each value is one word. One that `parse` does not take is an error as soon as it is read, wherever it stands:
/// "--NAME is RULE, not 'WORD'". `parse` may throw UsageError itself, where it knows better what is wrong.
template <class T>
class WordValue : public po::value_semantic {
 public:
  using Parse = std::function<std::optional<T>(std::string_view)>;
  /// `shown` stands in the help behind the option.
  WordValue(Parse parse, std::string rule, std::string shown)
      : parse_(std::move(parse)), rule_(std::move(rule)), shown_(std::move(shown)) {}

  [[nodiscard]] std::string name() const override { return shown_; }
  [[nodiscard]] unsigned min_tokens() const override { return 1; }
  [[nodiscard]] unsigned max_tokens() const override { return 1; }
  [[nodiscard]] bool is_required() const override { return false; }

 protected:
  [[nodiscard]] T read(const std::string& word) const {
    auto parsed = parse_(word);
    if (parsed) return std::move(*parsed);
    po::error_with_option_name error("%canonical_option% is " + rule_ + ", not %word%");
    error.set_substitute("word", in_quotes(word));
    throw error;
  }

 private:
  Parse parse_;
  std::string rule_;
  std::string shown_;
};

/// A value that is given once; `target` has the default.
template <class T>
class ParsedValue final : public WordValue<T> {
 public:
  ParsedValue(T& target, typename WordValue<T>::Parse parse, std::string rule, std::string shown)
      : WordValue<T>(std::move(parse), std::move(rule), std::move(shown)), target_(target), usual_(target) {}

  [[nodiscard]] bool is_composing() const override { return false; }
  void parse(boost::any& value, const std::vector<std::string>& words, bool /*utf8*/) const override {
    if (!value.empty()) throw po::multiple_occurrences();
    value = this->read(words.at(0));
  }
  bool apply_default(boost::any& value) const override {
    value = usual_;
    return true;
  }
  void notify(const boost::any& value) const override { target_ = boost::any_cast<const T&>(value); }

 private:
  T& target_;
  T usual_;
};

/// Values in the order in which they are given, in place of those that `target` has.
template <class T>
class ListedValue final : public WordValue<T> {
 public:
  ListedValue(std::vector<T>& target, typename WordValue<T>::Parse parse, std::string rule, std::string shown)
      : WordValue<T>(std::move(parse), std::move(rule), std::move(shown)), target_(target) {}

  [[nodiscard]] bool is_composing() const override { return true; }
  void parse(boost::any& value, const std::vector<std::string>& words, bool /*utf8*/) const override {
    if (value.empty()) value = std::vector<T>();
    boost::any_cast<std::vector<T>&>(value).push_back(this->read(words.at(0)));
  }
  bool apply_default(boost::any& /*value*/) const override { return false; }
  void notify(const boost::any& value) const override { target_ = boost::any_cast<const std::vector<T>&>(value); }

 private:
  std::vector<T>& target_;
};

/// Thirty years at most: they are for ever, and what the clock can still count.
core::Duration seconds(double value);

enum class Bound { positive, zero_too };

/// Seconds, with a fraction if wanted; `target` has the default. More than thirty years are for ever.
po::value_semantic* seconds_value(core::Duration& target, Bound bound);

/// Throws what says so, with the option's name, if `text` is blank. For parsers of values.
void refuse_empty(std::string_view text);

/// Text that must not be blank: an empty one (an unset variable of a script, say) would quietly mean the opposite.
po::value_semantic* text_value(std::string& target, const std::string& shown);

/// Words that may be repeated; those for which `is_right` is false are refused, see WordValue.
po::value_semantic* words_value(std::vector<std::string>& target, const std::function<bool(std::string_view)>& is_right,
                                const std::string& rule, const std::string& shown = "arg");

/// A decimal number from `least` to `most`. Other notations are refused: nobody shall have to know how they are read.
std::optional<std::int64_t> parse_number(std::string_view text, std::int64_t least, std::int64_t most);

/// A mark of packets, from 1 on: decimal, or hexadecimal behind 0x, as ip(8), nft(8) and iptables(8) write them.
std::optional<std::uint32_t> parse_mark(std::string_view text);

/// 1 to 65535.
std::optional<std::uint16_t> parse_port(std::string_view text);
po::value_semantic* mark_value(std::uint32_t& target);

/// What help shows of a value with a default.
inline std::string with_default(const std::string& text) { return "arg (=" + text + ")"; }

/// "1 to 64", of such a number.
std::string range_text(std::int64_t least, std::int64_t most);

template <std::integral T>
typename WordValue<T>::Parse number_parser(std::int64_t least, std::int64_t most) {
  return [=](std::string_view text) -> std::optional<T> {
    const auto number = parse_number(text, least, most);
    return number ? std::optional(static_cast<T>(*number)) : std::nullopt;
  };
}

/// Such a number; `target` has the default. `unit` stands behind the range in what is said of a wrong one.
template <std::integral T>
po::value_semantic* number_value(T& target, std::int64_t least, std::int64_t most, const std::string& unit = "") {
  return new ParsedValue<T>(target, number_parser<T>(least, most), range_text(least, most) + unit,
                            with_default(std::to_string(target)));
}

/// Such numbers, in a list.
template <std::integral T>
po::value_semantic* numbers_value(std::vector<T>& target, std::int64_t least, std::int64_t most) {
  return new ListedValue<T>(target, number_parser<T>(least, most), range_text(least, most), "arg");
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
