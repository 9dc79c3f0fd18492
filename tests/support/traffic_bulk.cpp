// traffic bulk: as many bytes as the way can take.
//
// Up is timed until the server has told how many bytes arrived; down from the first byte on.
#include "traffic_commands.hpp"
#include "traffic_failures.hpp"
#include "traffic_talkers.hpp"

#include <algorithm>
#include <memory>

namespace traffic {
namespace {

struct bulk_options {
  std::uint64_t bytes = 0;  // for each flow; 0: until the time is over
  double seconds = 5;
  bool copy = false;  // copy received bytes out of the kernel, as an application would
};

class up_talker : public talker {
 public:
  explicit up_talker(const bulk_options& options) : left_(options.bytes ? options.bytes : ~std::uint64_t{0}) {
    const auto head = encode({behaviour::discard, 0, 0, 0, 0, 0});
    head_.assign(head.begin(), head.end());
  }
  const_bytes output() override {
    if (head_sent_ < head_.size()) return const_bytes(head_).subspan(head_sent_);
    return filler().first(std::size_t(std::min<std::uint64_t>(left_, filler().size())));
  }
  void on_sent(std::size_t size) override {
    (head_sent_ < head_.size() ? head_sent_ : sent_) += size;
    if (sent_ && left_ != ~std::uint64_t{0}) left_ -= std::min<std::uint64_t>(left_, size);
  }
  void stop() { left_ = 0; }
  bool output_finished() override { return head_sent_ == head_.size() && left_ == 0; }
  void on_input(const_bytes data) override { answer_.insert(answer_.end(), data.begin(), data.end()); }
  void on_eof() override { eof_ = true; }
  bool done() override { return eof_; }
  [[nodiscard]] bool complete() const { return arrived() == sent_ && answer_.size() == 8; }
  [[nodiscard]] std::uint64_t arrived() const { return answer_.size() == 8 ? get_u64(answer_.data()) : 0; }

 private:
  std::vector<std::uint8_t> head_;
  std::vector<std::uint8_t> answer_;
  std::size_t head_sent_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t left_;
  bool eof_ = false;
};

class down_talker : public talker {
 public:
  explicit down_talker(const bulk_options& options) : options_(options) {
    const auto head = encode({behaviour::source, 0, options.bytes, 0, 0, 0});
    head_.assign(head.begin(), head.end());
  }
  const_bytes output() override { return const_bytes(head_).subspan(head_sent_); }
  void on_sent(std::size_t size) override { head_sent_ += size; }
  bool discards_input() const override { return !options_.copy; }
  void on_discarded(std::size_t size) override {
    if (!first_us_) first_us_ = now_us();
    count_ += size;
  }
  void on_input(const_bytes data) override { on_discarded(data.size()); }
  void on_eof() override { eof_ = true; }
  bool done() override { return eof_ || stopped_; }
  bool resets_at_end() const override { return stopped_; }
  void stop() { stopped_ = true; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::int64_t first_us() const { return first_us_; }
  [[nodiscard]] bool complete() const { return count_ == options_.bytes; }

 private:
  bulk_options options_;
  std::vector<std::uint8_t> head_;
  std::size_t head_sent_ = 0;
  std::uint64_t count_ = 0;
  std::int64_t first_us_ = 0;
  bool eof_ = false;
  bool stopped_ = false;
};

class bulk_run {
 public:
  explicit bulk_run(arguments& args)
      : target_(args),
        direction_(args.text("direction", "up")),
        flows_(args.number("flows", 1)),
        options_{args.number("bytes", 0), args.real("seconds", 5), args.flag("copy")},
        stall_timeout_(args.real("stall-timeout", 30)) {
    args.finish();
    if (direction_ != "up" && direction_ != "down" && direction_ != "both")
      throw usage_error("--direction is up, down or both");
    loop_.stop_on_signals();
  }

  int run() {
    start_us_ = now_us();
    for (std::uint64_t i = 0; i < flows_; ++i) {
      if (direction_ != "down") start_up();
      if (direction_ != "up") start_down();
    }
    while ((ups_open_ || downs_open_) && !loop_.stopped()) {
      loop_.run_once(20);
      if (!options_.bytes && !over_ && seconds_since(start_us_) >= options_.seconds) time_is_over();
      if (loop_.idle_seconds() > stall_timeout_) {
        failures_.add("stalled");
        break;
      }
    }
    return report();
  }

 private:
  void start_up() {
    auto& made = session::start(loop_, start_connect(target_.to, target_.from), std::make_unique<up_talker>(options_),
                                [this](talker& talk, int error) { up_ended(static_cast<up_talker&>(talk), error); });
    ups_.push_back(&made);
    ++ups_open_;
  }

  void start_down() {
    auto& made =
        session::start(loop_, start_connect(target_.to, target_.from), std::make_unique<down_talker>(options_),
                       [this](talker& talk, int error) { down_ended(static_cast<down_talker&>(talk), error); });
    downs_.push_back(&made);
    ++downs_open_;
  }

  void up_ended(up_talker& talk, int error) {
    --ups_open_;
    if (error || !talk.complete()) failures_.add("up: " + (error ? errno_name(error) : "not all bytes arrived"));
    up_bytes_ += talk.arrived();
    up_seconds_ = seconds_since(start_us_);
    std::erase_if(ups_, [&](session* s) { return &s->who() == &talk; });
  }

  void down_ended(down_talker& talk, int error) {
    --downs_open_;
    if (!over_) {
      if (error || !talk.complete()) failures_.add("down: " + (error ? errno_name(error) : "not all bytes arrived"));
      count_down(talk);
    }
    std::erase_if(downs_, [&](session* s) { return &s->who() == &talk; });
  }

  void count_down(const down_talker& talk) {
    if (!talk.first_us()) failures_.add("down: not a byte came");
    down_bytes_ += talk.count();
    down_seconds_ = std::max(down_seconds_, seconds_since(talk.first_us()));
  }

  // Uploads say FIN and wait for the count; endless downloads are cut off.
  void time_is_over() {
    over_ = true;
    for (auto* open : downs_) {
      auto& talk = static_cast<down_talker&>(open->who());
      count_down(talk);
      talk.stop();
      open->refresh();
    }
    for (auto* open : ups_) {
      static_cast<up_talker&>(open->who()).stop();
      open->refresh();
    }
  }

  int report() {
    const auto gbit = [](std::uint64_t bytes, double seconds) {
      return seconds > 0 ? double(bytes) * 8 / seconds / 1e9 : 0.0;
    };
    json_line()
        .add("direction", direction_)
        .add("flows", flows_)
        .add("bytes", up_bytes_ + down_bytes_)
        .add("gbit_s", gbit(up_bytes_, up_seconds_) + gbit(down_bytes_, down_seconds_))
        .add("up_bytes", up_bytes_)
        .add("up_seconds", up_seconds_)
        .add("up_gbit_s", gbit(up_bytes_, up_seconds_))
        .add("down_bytes", down_bytes_)
        .add("down_seconds", down_seconds_)
        .add("down_gbit_s", gbit(down_bytes_, down_seconds_))
        .add("failed", failures_.count())
        .print();
    return failures_.count() ? 1 : 0;
  }

  target target_;
  std::string direction_;
  std::uint64_t flows_;
  bulk_options options_;
  double stall_timeout_;
  event_loop loop_;
  failures failures_;
  std::vector<session*> ups_;
  std::vector<session*> downs_;
  std::uint64_t ups_open_ = 0;
  std::uint64_t downs_open_ = 0;
  std::int64_t start_us_ = 0;
  std::uint64_t up_bytes_ = 0;
  std::uint64_t down_bytes_ = 0;
  double up_seconds_ = 0;
  double down_seconds_ = 0;
  bool over_ = false;
};

}  // namespace

int run_bulk(arguments& args) {
  raise_descriptor_limit();
  return bulk_run(args).run();
}

}  // namespace traffic
