#include "common/app/config_file.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "common/app/option_names.hpp"
#include "common/app/usage_error.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::app {

namespace {

// Far more than somebody writes by hand; whatever is longer is no such file.
constexpr std::size_t longest_file = 1 << 20;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

[[noreturn]] void refuse(const std::string& why) { throw UsageError(why, io::ExitStatus::bad_config); }

/// The lines of one file, one after the other.
class Reader {
 public:
  Reader(const po::options_description& description, po::variables_map& values)
      : description_(description), values_(values) {}

  /// Throws UsageError or po::error.
  void take(std::string_view line) {
    if (line.find('\0') != std::string_view::npos) refuse("this is no text");
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) return;
    const auto equals = line.find('=');
    const auto name = trimmed(line.substr(0, equals));
    if (equals == std::string_view::npos || name.find_first_of(" \t:") != std::string_view::npos) refuse_line(line);
    take(dashed(std::string(name)), std::string(trimmed(line.substr(equals + 1))));
  }

 private:
  // Of the line only the first word is quoted: the rest may be a secret.
  [[noreturn]] void refuse_line(std::string_view line) const {
    if (line.starts_with('[')) refuse(in_quotes(line) + ": there are no sections");
    const auto name = line.substr(0, line.find_first_of(" \t:"));
    const bool known = find(dashed(std::string(name))) != nullptr;
    refuse(in_quotes(name) + " has no value: a line is name=value" +
           (known ? ", such as " + std::string(name) + "=..." : ""));
  }

  [[nodiscard]] const po::option_description* find(const std::string& name) const {
    return name.empty() ? nullptr : description_.find_nothrow(name, false);
  }

  void take(const std::string& name, const std::string& value) {
    const auto* const option = find(name);
    // find_nothrow() knows the short names, too.
    if (option == nullptr || option->long_name() != name)
      refuse("unrecognised option " + in_quotes(name) + proposal(name, description_, ""));
    if (name == "config" || name == "help" || name == "version") refuse(name + " has no place in a file");
    if (value.empty()) refuse(name + " has no value");
    const bool may_be_repeated = option->semantic()->is_composing();
    if (!seen_.insert(name).second && !may_be_repeated) refuse(name + " stands in the file twice");
    po::parsed_options parsed(&description_);
    parsed.options.emplace_back(name, std::vector{value});
    parsed.options.back().original_tokens = {name, value};
    // What the command line gives instead is only looked at.
    po::variables_map passed_over;
    const auto found = values_.find(name);
    const bool is_given = found != values_.end() && !found->second.defaulted();
    po::store(parsed, is_given && !may_be_repeated ? passed_over : values_);
  }

  const po::options_description& description_;
  po::variables_map& values_;
  std::set<std::string> seen_;
};

}  // namespace

void read_config_file(const std::string& path, const po::options_description& description, po::variables_map& values) {
  const auto text = io::read_file(path, longest_file);
  if (!text) refuse("cannot read the configuration file " + path + ": " + text.error().message());
  Reader reader(description, values);
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text->size();) {
    const auto end = std::min(text->find('\n', begin), text->size());
    const auto place = path + ":" + std::to_string(++number) + ": ";
    try {
      reader.take(std::string_view(*text).substr(begin, end - begin));
    } catch (const UsageError& error) {
      refuse(place + error.what());
    } catch (const po::error& error) {
      refuse(place + error.what());
    }
    begin = end + 1;
  }
}

}  // namespace tfunnel::app
