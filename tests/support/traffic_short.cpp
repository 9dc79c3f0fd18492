// traffic short: connect, small request, small response, close; as fast as it goes.
//
// The side that closes first keeps a TIME_WAIT for a minute. By default that is the server, so that one
// client address survives any number of connections; with --client-closes-first the harness must
// widen net.ipv4.ip_local_port_range and set net.ipv4.tcp_tw_reuse=1 in the client's namespace.
#include "traffic_commands.hpp"
#include "traffic_failures.hpp"
#include "traffic_talkers.hpp"

#include <exception>
#include <memory>

namespace traffic {
namespace {

class short_talker : public talker {
 public:
  short_talker(std::uint32_t size, bool closes_first) : size_(size), closes_first_(closes_first) {
    const std::uint64_t served = closes_first ? 0 : 1;  // 0: the server waits for our EOF
    const auto head = encode({behaviour::request_response, 0, served, 0, size, size});
    request_.assign(head.begin(), head.end());
    request_.insert(request_.end(), filler().begin(), filler().begin() + size);
  }
  const_bytes output() override { return const_bytes(request_).subspan(sent_); }
  void on_sent(std::size_t size) override { sent_ += size; }
  void on_input(const_bytes data) override {
    for (const auto byte : data) good_ = got_ < size_ && byte == filler()[got_++] && good_;
  }
  void on_eof() override { eof_ = true; }
  bool done() override { return eof_ || (closes_first_ && got_ == size_); }
  [[nodiscard]] bool complete() const { return good_ && got_ == size_; }

 private:
  std::vector<std::uint8_t> request_;
  std::size_t sent_ = 0;
  std::size_t got_ = 0;
  std::uint32_t size_;
  bool closes_first_;
  bool good_ = true;
  bool eof_ = false;
};

class short_run {
 public:
  explicit short_run(arguments& args)
      : target_(args),
        count_(args.number("count", 100000)),
        parallel_(args.number("parallel", 32)),
        size_(std::uint32_t(args.number("size", 64))),
        stall_timeout_(args.real("stall-timeout", 30)),
        closes_first_(args.flag("client-closes-first")) {
    if (size_ == 0 || size_ > filler().size()) throw usage_error("--size is 1 to 262144");
    args.finish();
    loop_.stop_on_signals();
  }

  int run() {
    const auto started = now_us();
    while (ended_ < count_ && !loop_.stopped() && loop_.idle_seconds() < stall_timeout_) {
      while (begun_ < count_ && begun_ - ended_ < parallel_) start();
      loop_.run_once(200);
    }
    if (ended_ < count_) failures_.add(std::to_string(count_ - ended_) + " never ended");
    const auto seconds = seconds_since(started);
    json_line()
        .add("ok", ok_)
        .add("failed", count_ - ok_)
        .add("seconds", seconds)
        .add("per_second", double(ok_) / seconds)
        .print();
    return ok_ == count_ ? 0 : 1;
  }

 private:
  void start() {
    ++begun_;
    try {
      session::start(
          loop_, start_connect(target_.to, target_.from), std::make_unique<short_talker>(size_, closes_first_),
          [this, index = begun_](talker& talk, int error) { ended(index, static_cast<short_talker&>(talk), error); });
    } catch (const std::exception& problem) {
      ++ended_;
      failures_.add(problem.what());
    }
  }

  void ended(std::uint64_t index, const short_talker& talk, int error) {
    ++ended_;
    if (!error && talk.complete())
      ++ok_;
    else
      failures_.add("connection " + std::to_string(index) + ": " +
                    (error ? errno_name(error) : "wrong or short response"));
  }

  target target_;
  std::uint64_t count_;
  std::uint64_t parallel_;
  std::uint32_t size_;
  double stall_timeout_;
  bool closes_first_;
  event_loop loop_;
  failures failures_;
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t ok_ = 0;
};

}  // namespace

int run_short(arguments& args) {
  raise_descriptor_limit();
  return short_run(args).run();
}

}  // namespace traffic
