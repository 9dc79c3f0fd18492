#include "common/app/usage_error.hpp"

#include "common/app/arguments.hpp"
#include "common/core/text.hpp"

namespace tfunnel::app {

namespace {
// More than any explanation takes.
constexpr std::size_t longest_message = 4000;
}  // namespace

UsageError::UsageError(const std::string& what, io::ExitStatus status) : UsageError(what, status, false) {}

UsageError::UsageError(const std::string& what, io::ExitStatus status, bool lines)
    : std::runtime_error(core::one_line(what, longest_message, lines)), status_(status) {}

UsageError UsageError::in_lines(const std::string& what, io::ExitStatus status) { return {what, status, true}; }

std::string in_quotes(std::string_view word) {
  constexpr std::size_t longest = 100;
  std::string shown(word);
  hide_credentials(shown.data());
  if (shown.size() > longest) shown = shown.substr(0, longest) + "...";
  return "'" + shown + "'";
}

}  // namespace tfunnel::app
