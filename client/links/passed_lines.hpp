// A link's command's standard error, passed on line by line.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <memory>
#include <string>

#include "common/io/asio.hpp"
#include "common/io/descriptor.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// Lives until the pipe ends, or close(). Reads everything, so that the command is never held up; bytes that would
/// disturb a terminal are escaped, and a flood is thinned.
class PassedLines : public std::enable_shared_from_this<PassedLines> {
 public:
  /// `log` must outlive it.
  PassedLines(asio::io_context& context, io::Descriptor pipe, const io::Log& log);
  void start() { read_later(); }
  /// Passes on the lines that are there by now.
  void catch_up();
  /// And an unfinished one: the command has ended.
  void finish();
  /// The last line that came, as it is, though it may be unfinished; not trusted.
  [[nodiscard]] const std::string& last_line() const { return line_.empty() ? last_line_ : line_; }
  /// Nobody passes anything on any more.
  void close();

 private:
  void read_later();
  /// False: nothing is there now, or no more will come.
  bool read();
  void take(std::string_view bytes);
  void end_line();

  asio::posix::stream_descriptor pipe_;
  const io::Log& log_;
  std::string line_;
  std::string last_line_;  // that was whole
  std::array<char, 4096> bytes_{};
};

}  // namespace tfunnel::client
