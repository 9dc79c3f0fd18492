#include "common/app/main_guard.hpp"

#include <google/protobuf/stubs/logging.h>
#include <unistd.h>
#include <boost/system/system_error.hpp>

#include <cerrno>

#include "common/app/options.hpp"
#include "common/io/line_writer.hpp"

namespace tfunnel::app {

namespace {

int say(const std::string& program, const std::string& what, io::ExitStatus status) {
  io::LineWriter(STDERR_FILENO).write(program + ": " + what + "\n");
  return static_cast<int>(status);
}

}  // namespace

int guarded(const std::string& program, const std::function<io::ExitStatus()>& body) {
  // A fault that a far end may provoke gets a line of ours; Protobuf's own would come on top.
  google::protobuf::SetLogHandler(nullptr);
  try {
    return static_cast<int>(body());
  } catch (const UsageError& error) {
    return say(program, error.what(), error.status());
  } catch (const boost::system::system_error& error) {
    const auto code = error.code().value();
    if (code != EPERM && code != EACCES) return say(program, error.what(), io::ExitStatus::os_error);
    return say(program,
               std::string(error.what()) + "; run as root, or give the program its capabilities once:\n" +
                   "  sudo setcap cap_net_admin,cap_net_raw,cap_net_bind_service=ep \"$(command -v tfunnel)\"",
               io::ExitStatus::no_permission);
  } catch (const std::exception& error) {
    return say(program, error.what(), io::ExitStatus::os_error);
  }
}

}  // namespace tfunnel::app
