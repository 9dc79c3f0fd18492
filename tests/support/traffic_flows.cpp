// traffic flows: many checked flows of random sizes and ways to end.
#include "traffic_commands.hpp"
#include "traffic_failures.hpp"
#include "traffic_talkers.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace traffic {
namespace {

enum class flow_kind { read_first, write_first, duplex, up_close, down_close };
constexpr std::array<const char*, 5> kind_names{"read_first", "write_first", "duplex", "up_close", "down_close"};

struct flow {
  std::uint64_t index = 0;
  flow_kind kind = flow_kind::read_first;
  std::uint64_t up = 0;
  std::uint64_t down = 0;
  std::uint64_t seed = 0;
  std::uint64_t key = 0;

  // The server cannot answer after its own FIN, or when the client is gone: ask it later.
  [[nodiscard]] bool needs_report() const { return kind == flow_kind::write_first || kind == flow_kind::up_close; }
  [[nodiscard]] bool has_verdict() const { return kind == flow_kind::read_first || kind == flow_kind::duplex; }
  [[nodiscard]] std::string name() const {
    return "flow " + std::to_string(index) + " (" + kind_names[std::size_t(kind)] + ", up " + std::to_string(up) +
           ", down " + std::to_string(down) + "): ";
  }
};

// One flow in ten is empty and one in ten tiny: that is where ends are lost.
std::uint64_t random_size(std::uint64_t random, std::uint64_t max_size) {
  const auto value = random / 10;
  if (random % 10 == 0) return 0;
  return value % (std::min<std::uint64_t>(random % 10 == 1 ? 100 : max_size, max_size) + 1);
}

verify_plan plan_for(const flow& f) {
  constexpr std::array<behaviour, 5> server_does{behaviour::read_first, behaviour::write_first, behaviour::duplex,
                                                 behaviour::collect, behaviour::send_and_close};
  const auto head = encode({server_does[std::size_t(f.kind)], f.seed, f.down, f.key, 0, 0});
  verify_plan plan;
  plan.head.assign(head.begin(), head.end());
  plan.send_seed = f.seed + 1;
  plan.expect_seed = f.seed;
  plan.send_length = f.up;
  plan.expect_length = f.down;
  plan.send_after_eof = f.kind == flow_kind::write_first;
  plan.half_close = f.kind != flow_kind::down_close;
  plan.close_when_sent = f.kind == flow_kind::up_close;
  return plan;
}

class flow_run {
 public:
  explicit flow_run(arguments& args);
  int run();

 private:
  struct active_flow {
    flow what;
    verify_talker* talk;
  };
  struct unreported {
    flow what;
    std::unique_ptr<verify_talker> talk;
  };

  flow make_flow(std::uint64_t index) const;
  void start(const flow& f);
  void ended(const flow& f, verify_talker& talk, int error);
  void ask_reports();
  void finish_flow(const flow& f, const std::string& problem);

  target target_;
  std::uint64_t count_;
  std::uint64_t parallel_;
  std::uint64_t max_size_;
  std::uint64_t seed_;
  double stall_timeout_;
  std::vector<flow_kind> kinds_;
  // Keys must differ from those of an earlier run with the same seed against the same server.
  std::uint64_t run_key_ = mix(std::uint64_t(now_us()) ^ (std::uint64_t(::getpid()) << 40));
  event_loop loop_;
  std::map<std::uint64_t, active_flow> active_;
  std::map<std::uint64_t, unreported> waiting_;
  failures failures_;
  std::uint64_t ok_ = 0;
  std::uint64_t bytes_ = 0;
};

flow_kind parse_kind(const std::string& name) {
  for (std::size_t i = 0; i < kind_names.size(); ++i)
    if (name == kind_names[i]) return flow_kind(i);
  throw usage_error("unknown kind: " + name);
}

flow_run::flow_run(arguments& args)
    : target_(args),
      count_(args.number("count", 1000)),
      parallel_(args.number("parallel", 100)),
      max_size_(args.number("max-size", 1 << 20)),
      seed_(args.number("seed", 1)),
      stall_timeout_(args.real("stall-timeout", 30)) {
  for (const auto& name : args.list("kinds", {kind_names.begin(), kind_names.end()}))
    kinds_.push_back(parse_kind(name));
  args.finish();
  loop_.stop_on_signals();
}

flow flow_run::make_flow(std::uint64_t index) const {
  const auto base = mix(seed_ ^ mix(index + 1));
  flow f{index,
         kinds_[index % kinds_.size()],
         random_size(mix(base + 1), max_size_),
         random_size(mix(base + 2), max_size_),
         base,
         mix(run_key_ + index)};
  if (f.kind == flow_kind::up_close) f.down = 0;
  if (f.kind == flow_kind::down_close) f.up = 0;
  return f;
}

void flow_run::start(const flow& f) {
  auto talk = std::make_unique<verify_talker>(plan_for(f));
  auto* raw = talk.get();
  try {
    session::start(loop_, start_connect(target_.to, target_.from), std::move(talk),
                   [this, f](talker& t, int error) { ended(f, static_cast<verify_talker&>(t), error); });
    active_.emplace(f.index, active_flow{f, raw});
  } catch (const std::exception& problem) {
    finish_flow(f, problem.what());
  }
}

void flow_run::finish_flow(const flow& f, const std::string& problem) {
  if (problem.empty())
    ++ok_;
  else
    failures_.add(f.name() + problem);
}

void flow_run::ended(const flow& f, verify_talker& talk, int error) {
  active_.erase(f.index);
  bytes_ += talk.seen().count + talk.sent();
  auto problem = talk.input_problem();
  if (error) problem = errno_name(error) + (problem.empty() ? "" : ", " + problem);
  if (problem.empty() && f.has_verdict()) problem = talk.output_problem(talk.peer_verdict());
  if (problem.empty() && f.needs_report())
    waiting_.emplace(f.index, unreported{f, std::make_unique<verify_talker>(std::move(talk))});
  else
    finish_flow(f, problem);
}

// The server may still be reading what a closed flow left on its way: ask until it knows.
void flow_run::ask_reports() {
  if (waiting_.empty()) return;
  const auto fd = connect_tcp(target_.to, target_.from);
  send_all(fd.get(), encode({behaviour::report, 0, 0, 0, 0, 0}));
  const auto started = now_us();
  while (!waiting_.empty() && seconds_since(started) < stall_timeout_) {
    for (auto it = waiting_.begin(); it != waiting_.end();) {
      std::array<std::uint8_t, 8> key{};
      std::array<std::uint8_t, verdict_size> answer{};
      put_u64(key.data(), it->second.what.key);
      if (!send_all(fd.get(), key) || !wait_readable(fd.get(), int(stall_timeout_ * 1000)) ||
          !receive_all(fd.get(), answer))
        throw std::runtime_error("the report connection broke");
      const auto seen = decode_verdict(answer);
      if (seen.known) finish_flow(it->second.what, it->second.talk->output_problem(seen));
      it = seen.known ? waiting_.erase(it) : std::next(it);
    }
    if (!waiting_.empty()) ::usleep(20000);
  }
  for (const auto& [index, flow] : waiting_) finish_flow(flow.what, "the server never saw its end");
}

int flow_run::run() {
  const auto started = now_us();
  std::uint64_t next = 0;
  while ((next < count_ || !active_.empty()) && !loop_.stopped()) {
    while (next < count_ && active_.size() < parallel_) start(make_flow(next++));
    loop_.run_once(200);
    if (!active_.empty() && loop_.idle_seconds() > stall_timeout_) break;
  }
  for (const auto& [index, flow] : active_)
    finish_flow(flow.what, "stalled after receiving " + std::to_string(flow.talk->seen().count) + " and sending " +
                               std::to_string(flow.talk->sent()));
  if (next < count_) failures_.add("ended before all flows were started");
  ask_reports();
  json_line()
      .add("ok", ok_)
      .add("failed", failures_.count())
      .add("bytes", bytes_)
      .add("seconds", seconds_since(started))
      .print();
  return failures_.count() || ok_ != count_ ? 1 : 0;
}

}  // namespace

int run_flows(arguments& args) {
  raise_descriptor_limit();
  return flow_run(args).run();
}

}  // namespace traffic
