// Look-ups that many wait for, and their answers for as long as they are good.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "proxy/lookup/name_answer.hpp"

namespace tfunnel::proxy {

/// Pure. Each name is asked for once, however many wait for it; no more than Limits::running at the same time, the rest
/// in turn. Names compare without regard to case.
class SharedLookups {
 public:
  struct Limits {
    std::size_t running = 64;
    std::size_t kept = 1024;
    core::Duration longest = std::chrono::hours(1);    // an answer is kept, whatever its time to live says
    core::Duration failure = std::chrono::seconds(3);  // a failure is kept, so that not each flow asks again
  };
  using Done = std::function<void(const NameAnswer&)>;
  struct Ticket {
    std::string name;
    std::uint64_t number = 0;
  };

  SharedLookups() : SharedLookups(Limits()) {}
  explicit SharedLookups(const Limits& limits) : limits_(limits) {}

  /// The answer that is kept and still good; valid until the next call.
  [[nodiscard]] const NameAnswer* kept(const std::string& name, core::Time now) const;
  /// `done` is called once by answered(), unless the ticket is given up before.
  Ticket wait(const std::string& name, Done done);
  /// Of those who wait for the same name only this one goes. A look-up that is running goes on: its answer is kept.
  void give_up(const Ticket& ticket);
  /// The next name to ask for; none: enough are being asked for, or none is wanted. It counts as running until it is
  /// answered().
  std::optional<std::string> next();
  /// REQUIRES: `name` is running.
  void answered(const std::string& name, NameAnswer answer, core::Time now);
  /// The servers that were asked may know better now: nothing that is kept is good any more.
  void forget() { kept_.clear(); }

  [[nodiscard]] std::size_t running() const { return running_; }

 private:
  struct Asked {
    bool running = false;
    std::map<std::uint64_t, Done> waiting;  // in the order in which they came
  };
  struct Kept {
    NameAnswer answer;
    core::Time until;
  };
  void keep(const std::string& name, const NameAnswer& answer, core::Time now);

  Limits limits_;
  std::uint64_t last_number_ = 0;
  std::size_t running_ = 0;
  std::map<std::string, Asked> asked_;
  std::deque<std::string> queue_;  // of asked_, what is not running
  std::map<std::string, Kept> kept_;
};

}  // namespace tfunnel::proxy
