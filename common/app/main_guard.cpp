#include "common/app/main_guard.hpp"

#include <google/protobuf/stubs/logging.h>
#include <unistd.h>
#include <boost/system/system_error.hpp>

#include <cerrno>
#include <string_view>

#include "common/app/options.hpp"
#include "common/io/line_writer.hpp"
#include "common/io/log_line.hpp"

namespace tfunnel::app {

namespace {

// Text has no level here: the line is all that such a program says.
std::string last_line(const std::string& program, io::LogFormat format, const std::string& what) {
  if (format == io::LogFormat::text) return program + ": " + what + "\n";
  return io::log_line(format, program, io::LogLevel::error, what);
}

}  // namespace

io::LogFormat log_format_in(std::span<const char* const> words) {
  auto format = io::LogFormat::text;
  std::string_view previous;
  for (const std::string_view word : words) {
    if (word == "--") break;
    if (word == "--log-format=json" || (previous == "--log-format" && word == "json")) format = io::LogFormat::json;
    previous = word;
  }
  return format;
}

int guarded(const std::string& program, io::LogFormat format, const std::function<io::ExitStatus()>& body) {
  const auto say = [&](const std::string& what, io::ExitStatus status) {
    io::LineWriter(STDERR_FILENO).write(last_line(program, format, what));
    return static_cast<int>(status);
  };
  // A fault that a far end may provoke gets a line of ours; Protobuf's own would come on top.
  google::protobuf::SetLogHandler(nullptr);
  try {
    return static_cast<int>(body());
  } catch (const UsageError& error) {
    return say(error.what(), error.status());
  } catch (const boost::system::system_error& error) {
    const auto code = error.code().value();
    if (code != EPERM && code != EACCES) return say(error.what(), io::ExitStatus::os_error);
    return say(std::string(error.what()) + "; run as root, or give the program its capabilities once:\n" +
                   "  sudo setcap cap_net_admin,cap_net_raw,cap_net_bind_service=ep \"$(command -v tfunnel)\"",
               io::ExitStatus::no_permission);
  } catch (const std::exception& error) {
    return say(error.what(), io::ExitStatus::os_error);
  }
}

}  // namespace tfunnel::app
