// The command line that both programs share.
#pragma once

#include <boost/program_options.hpp>

#include <chrono>
#include <iosfwd>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/core/drain.hpp"
#include "common/core/keepalive.hpp"
#include "common/core/udp_idle.hpp"
#include "common/io/data_path.hpp"
#include "common/io/exit_status.hpp"
#include "common/io/log.hpp"

namespace tfunnel::app {

namespace po = boost::program_options;

/// A mistake of the user's: its text is printed as the one line that says what to do.
class UsageError : public std::runtime_error {
 public:
  explicit UsageError(const std::string& what, io::ExitStatus status = io::ExitStatus::usage)
      : std::runtime_error(what), status_(status) {}
  [[nodiscard]] io::ExitStatus status() const { return status_; }

 private:
  io::ExitStatus status_;
};

/// What both ends need to know.
struct CommonOptions {
  bool help = false;
  bool version = false;
  bool verbose = false;
  bool quiet = false;
  bool tty = false;  // the terminal on stdin and stdout is the link
  std::string log_level = "info";
  std::string log_format = "text";
  std::string data_path = "auto";
  double udp_timeout = 30;               // seconds; the kernel's conntrack value where there is one
  double udp_timeout_stream = 120;       // seconds
  std::int64_t buffer_size = 128 << 20;  // bytes
  double keepalive = 20;                 // seconds; 0: off
  double keepalive_timeout = 60;         // seconds
  double greeting_timeout = 120;         // seconds
  double linger = 60;                    // seconds

  [[nodiscard]] io::LogLevel level() const;
  [[nodiscard]] io::LogFormat format() const;
  [[nodiscard]] io::DataPathMode data_path_mode() const;
  [[nodiscard]] core::UdpTimeouts udp_timeouts() const;
  [[nodiscard]] core::Keepalive::Limits keepalive_limits() const;
  [[nodiscard]] core::Drain::Limits drain_limits() const;
};

core::Duration seconds(double value);

/// The options of CommonOptions; `options` must outlive the parse.
po::options_description common_description(CommonOptions& options);

/// The command line taken apart. Names may be written with dashes or underscores. Throws po::error. `description` must
/// outlive the result.
po::parsed_options read_command_line(int argc, const char* const* argv, const po::options_description& description);

/// Reads the command line, then the file that --config names (the command line wins). Names may be
/// written with dashes or underscores. Returns which ones the command line itself gives. Throws UsageError.
std::set<std::string> parse(int argc, const char* const* argv, const po::options_description& description);

/// Throws UsageError for values that make no sense, or not together.
void check(const CommonOptions& options);

}  // namespace tfunnel::app
