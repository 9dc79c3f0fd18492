#include "common/io/log.hpp"

#include <unistd.h>

#include <algorithm>

#include "common/core/far_words.hpp"
#include "common/core/greeting.hpp"
#include "common/core/line_thinner.hpp"
#include "common/core/sparse_lines.hpp"
#include "common/io/line_writer.hpp"
#include "common/io/log_line.hpp"

namespace tfunnel::io {

namespace {

using Clock = std::chrono::steady_clock;

// Between two attempts at a reader who takes nothing: soon at first, seldom if he does not come back.
constexpr core::Duration first_wait = std::chrono::milliseconds(5);
constexpr core::Duration longest_wait = std::chrono::milliseconds(500);
constexpr std::size_t longest_example = 100;

}  // namespace

/// Shared by all names of a log.
struct Log::Shared {
  struct Warnings {
    core::SparseLines lines;
    std::string program;  // that said the last
  };

  Shared(LogFormat format_, std::string who_) : format(format_), who(std::move(who_)), writer(STDERR_FILENO) {}

  ~Shared() { say_far_words(Clock::now(), true); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  void say(std::string_view text) {
    tell_lost();
    writer.write(text);
    plan(Clock::now());
  }

  void tick(core::Time now) {
    if (retry && *retry <= now) {
      wait = writer.flush() ? first_wait : std::min(wait * 2, longest_wait);
      retry.reset();
    }
    tell_lost();
    tell_left_out(now);
    say_far_words(now, false);
    tell_more(upstream, now);
    tell_more(far_end, now);
    plan(now);
  }

  void tell_lost() {
    const auto lost = writer.take_lost();
    if (lost == 0) return;
    writer.write(log_line(format, who, LogLevel::warning,
                          std::to_string(lost) + " lines were lost here: nobody took them from standard error"));
  }

  void tell_left_out(core::Time now) {
    for (const auto& left_out : thinner.take_left_out(now)) {
      writer.write(log_line(format, left_out.program, static_cast<LogLevel>(left_out.level),
                            std::to_string(left_out.count) + " more such lines were left out (-v shows all)",
                            {{"like", left_out.first}}));
    }
  }

  void warn(std::string_view program, const std::string& message) {
    writer.write(log_line(format, program, LogLevel::warning, message));
  }

  /// `all`: nobody will say them any more.
  void say_far_words(core::Time now, bool all) {
    for (const auto& words : far_words.take(now, all)) {
      if (far_end.lines.admit(words.text, now, words.times)) warn(far_end.program, "the far end: " + words.text);
    }
  }

  void tell_more(Warnings& warnings, core::Time now) {
    for (const auto& more : warnings.lines.take_more(now)) {
      warn(warnings.program, std::to_string(more.count) + " more in the last minute: " + more.text);
    }
  }

  void plan(core::Time now) {
    if (!writer.waiting()) {
      retry.reset();
      wait = first_wait;
    } else if (!retry) {
      retry = now + wait;
    }
    if (std::exchange(announced, due()) != announced && on_due) on_due();
  }

  [[nodiscard]] std::optional<core::Time> due() const {
    std::optional<core::Time> earliest;
    for (const auto& time :
         {thinner.deadline(), far_words.deadline(), upstream.lines.deadline(), far_end.lines.deadline(), retry}) {
      if (time) earliest = std::min(earliest.value_or(core::Time::max()), *time);
    }
    return earliest;
  }

  LogFormat format;
  std::string who;
  LineWriter writer;
  core::LineThinner thinner;
  Warnings upstream;
  Warnings far_end;
  core::FarWords far_words;
  core::Duration wait = first_wait;
  std::optional<core::Time> retry;  // when the writer is tried again
  std::optional<core::Time> announced;
  std::function<void()> on_due;
};

Log::Log(LogLevel level, LogFormat format, std::string who)
    : Log(level, format, who, std::make_shared<Shared>(format, who)) {}

Log::Log(LogLevel level, LogFormat format, std::string who, std::shared_ptr<Shared> shared)
    : level_(level), format_(format), who_(std::move(who)), shared_(std::move(shared)) {}

Log Log::named(std::string who) const { return {level_, format_, std::move(who), shared_}; }

void Log::write(LogLevel level, std::string_view message, Fields fields) const {
  if (wants(level)) put(level, message, fields);
}

void Log::debug(std::string_view message, const LogFlow& flow, Fields fields) const {
  if (wants(LogLevel::debug)) put(LogLevel::debug, message, fields, &flow);
}

void Log::put(LogLevel level, std::string_view message, Fields fields, const LogFlow* flow) const {
  shared_->say(log_line(format_, who_, level, message, fields, flow));
}

void Log::about_flow(LogLevel level, std::string_view message, Fields fields, int line, const char* file) const {
  if (wants(level) && admits(level, message, line, file)) put(level, message, fields);
}

void Log::about_flow(LogLevel level, std::string_view message, const LogFlow& flow, Fields fields, int line,
                     const char* file) const {
  if (!wants(level)) return;
  if (admits(level, std::string(message) + ": " + flow.text(), line, file)) put(level, message, fields, &flow);
}

void Log::about_upstream(std::string_view message, Fields fields, int line, const char* file) const {
  if (!wants(LogLevel::warning)) return;
  const auto now = Clock::now();
  shared_->upstream.program = who_;
  const bool first = shared_->upstream.lines.admit(message, now);
  // A process with both ends in it need not hear it from both.
  shared_->far_words.passed(core::printable(message, message.size()), now);
  shared_->plan(now);
  if (first) return put(LogLevel::warning, message, fields);
  about_flow(LogLevel::info, message, fields, line, file);
}

void Log::far_end_says(std::string words) const {
  if (!wants(LogLevel::warning)) return;
  const auto now = Clock::now();
  shared_->far_end.program = who_;
  shared_->far_words.told(std::move(words), now);
  shared_->plan(now);
}

void Log::pass_on(const FarLine& said) const {
  if (passes(text_of(said))) shared_->say(log_line(format_, who_, said));
}

void Log::pass_on(std::string_view line) const {
  const auto text = core::printable(line, line.size());
  if (passes(text)) put(LogLevel::info, text, {});
}

bool Log::passes(std::string_view text) const {
  shared_->far_words.passed(text, Clock::now());
  return admits(LogLevel::info, text, __LINE__, __FILE__);
}

bool Log::admits(LogLevel level, std::string_view message, int line, const char* file) const {
  if (wants(LogLevel::debug)) return true;
  const auto now = Clock::now();
  shared_->tell_left_out(now);
  const core::LineThinner::Kind kind{who_, static_cast<int>(level), file, line};
  const bool admitted = shared_->thinner.admit(kind, message.substr(0, longest_example), now);
  shared_->plan(now);
  return admitted;
}

void Log::print(std::string_view text) const { shared_->say(text); }

void Log::print(std::string_view message, const boost::json::object& members) const {
  shared_->say(log_line(who_, message, members));
}

void Log::tick() const { shared_->tick(Clock::now()); }

std::optional<Log::Time> Log::due() const { return shared_->due(); }

void Log::on_due(std::function<void()> handler) const { shared_->on_due = std::move(handler); }

void Log::finish() const {
  shared_->say_far_words(Clock::now(), true);
  shared_->writer.finish();
}

}  // namespace tfunnel::io
