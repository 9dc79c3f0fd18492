#include "client/links/passed_lines.hpp"

#include <utility>

#include "common/io/far_line.hpp"

namespace tfunnel::client {

namespace {

// Of a far end that logs JSON: a message, its fields and their escapes. What is shown of a line is shorter.
constexpr std::size_t longest_line = 8192;
constexpr std::size_t longest_shown = 1000;

// A far end tells of each link that comes and goes, and so do we.
bool is_information(const io::FarLine& said) {
  return said.origin == io::far_program && said.level >= io::LogLevel::info;
}

}  // namespace

PassedLines::PassedLines(asio::io_context& context, io::Descriptor pipe, const io::Log& log)
    : pipe_(context, pipe.release()), log_(log) {
  pipe_.non_blocking(true);
}

void PassedLines::read_later() {
  pipe_.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](error_code error) {
    if (error) return;
    self->read();
    if (self->pipe_.is_open()) self->read_later();
  });
}

bool PassedLines::read() {
  error_code error;
  const auto count = pipe_.read_some(asio::buffer(bytes_), error);
  take({bytes_.data(), count});
  if (!error || error == asio::error::would_block) return !error;
  end_line();
  pipe_.close(error);
  return false;
}

void PassedLines::catch_up() {
  // As much as a pipe holds; processes that the command left behind may go on for ever.
  constexpr int most = (64 << 10) / 4096;
  for (int i = 0; i < most && pipe_.is_open() && read(); ++i) {
  }
}

void PassedLines::finish() {
  catch_up();
  end_line();
}

void PassedLines::close() {
  error_code ignored;
  pipe_.close(ignored);
}

void PassedLines::take(std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte == '\n') {
      end_line();
    } else if (line_.size() < longest_line && byte != '\r') {
      line_ += byte;
    }
  }
}

void PassedLines::end_line() {
  if (line_.empty()) return;
  const auto& line = last_line_ = std::exchange(line_, {});
  const auto said = io::read_far_line(line);
  if (!said) return log_.pass_on(std::string_view(line).substr(0, longest_shown));
  if (!is_information(*said) || log_.wants(io::LogLevel::debug)) log_.pass_on(*said);
}

}  // namespace tfunnel::client
