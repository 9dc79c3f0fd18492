// traffic rtt: request and response on one connection; traffic requests: on many, at full speed.
#include "traffic_commands.hpp"
#include "traffic_failures.hpp"
#include "traffic_talkers.hpp"

#include <unistd.h>

#include <cerrno>
#include <memory>

namespace traffic {
namespace {

class requests_talker : public talker {
 public:
  requests_talker(std::uint32_t size, std::vector<double>& times) : size_(size), times_(times) {
    const auto head = encode({behaviour::request_response, 0, 0, 0, size, size});
    out_.assign(head.begin(), head.end());
    ask();
  }
  const_bytes output() override { return const_bytes(out_).subspan(sent_); }
  void on_sent(std::size_t size) override { sent_ += size; }
  void on_input(const_bytes data) override {
    got_ += data.size();
    if (got_ < size_) return;
    times_.push_back(double(now_us() - asked_us_));
    out_.clear();
    sent_ = got_ = 0;
    ask();
  }
  void on_eof() override { eof_ = true; }
  bool done() override { return eof_; }

 private:
  void ask() {
    out_.insert(out_.end(), filler().begin(), filler().begin() + size_);
    asked_us_ = now_us();
  }

  std::uint32_t size_;
  std::vector<double>& times_;
  std::vector<std::uint8_t> out_;
  std::size_t sent_ = 0;
  std::size_t got_ = 0;
  std::int64_t asked_us_ = 0;
  bool eof_ = false;
};

void add_times(json_line& line, std::vector<double>& times) {
  line.add("median_us", percentile(times, 0.5))
      .add("p99_us", percentile(times, 0.99))
      .add("max_us", percentile(times, 1))
      .add("min_us", percentile(times, 0));
}

std::uint32_t message_size(arguments& args) {
  const auto size = args.number("size", 64);
  if (size == 0 || size > filler().size()) throw usage_error("--size is 1 to 262144");
  return std::uint32_t(size);
}

}  // namespace

int run_rtt(arguments& args) {
  const target where(args);
  const auto count = args.number("count", 1000);
  const auto size = message_size(args);
  const auto interval_us = useconds_t(args.real("interval-ms", 0) * 1000);
  args.finish();

  const auto fd = connect_tcp(where.to, where.from);
  send_all(fd.get(), encode({behaviour::request_response, 0, 0, 0, size, size}));
  std::vector<double> times;
  std::vector<std::uint8_t> answer(size);
  failures failed;
  for (std::uint64_t i = 0; i < count && !failed.count(); ++i) {
    const auto asked = now_us();
    if (!send_all(fd.get(), filler().first(size)) || !wait_readable(fd.get(), 30000) || !receive_all(fd.get(), answer))
      failed.add("request " + std::to_string(i) + ": no answer " + errno_name(errno));
    else
      times.push_back(double(now_us() - asked));
    if (interval_us) ::usleep(interval_us);
  }
  json_line line;
  line.add("count", std::uint64_t{times.size()}).add("failed", failed.count());
  add_times(line, times);
  line.print();
  return failed.count() ? 1 : 0;
}

int run_requests(arguments& args) {
  const target where(args);
  const auto connections = args.number("connections", 32);
  const auto seconds = args.real("seconds", 5);
  const auto size = message_size(args);
  args.finish();
  raise_descriptor_limit();

  event_loop loop;
  failures failed;
  std::vector<double> times;
  for (std::uint64_t i = 0; i < connections; ++i)
    session::start(loop, start_connect(where.to, where.from), std::make_unique<requests_talker>(size, times),
                   [&](talker&, int error) { failed.add("ended: " + errno_name(error)); });
  const auto started = now_us();
  while (seconds_since(started) < seconds && loop.size() > 0) loop.run_once(50);
  const auto took = seconds_since(started);
  json_line line;
  line.add("count", std::uint64_t{times.size()})
      .add("failed", failed.count())
      .add("per_second", double(times.size()) / took);
  add_times(line, times);
  line.print();
  return failed.count() || times.empty() ? 1 : 0;
}

}  // namespace traffic
