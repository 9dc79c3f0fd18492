#include "proxy/http/egress_http_connect.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "common/core/text.hpp"
#include "common/io/errors.hpp"
#include "proxy/http/connect_dialogue.hpp"
#include "proxy/http/http_connect_attempt.hpp"
#include "proxy/io/deadline.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

// Beside the coroutine, a handshake's buffers, for as long as it lasts (measured: 8 KB).
constexpr std::size_t http_connect_cost = 8U << 10;

constexpr const char* unanswering = " cannot be reached: it does not answer in time";

}  // namespace

/// One flow's way through the proxies, from one to the next until one answers.
class HttpConnectEgress::Flow {
 public:
  Flow(HttpConnectEgress& egress, const Target& target, const asio::yield_context& yield)
      : egress_(egress),
        target_(target),
        yield_(yield),
        begin_(Clock::now()),
        current_(std::make_shared<std::shared_ptr<HttpConnectAttempt>>()),
        deadline_(egress.context_, egress.settings_.timeout, [current = current_] {
          if (*current) (*current)->expire();
        }) {}

  result<tcp::socket> run() {
    const auto order = egress_.rest_.order(begin_);
    for (std::size_t i = 0; i < order.size() && !over_; ++i) try_proxy(order[i], i + 1 < order.size());
    if (!outcome_ && waiting_) wait_on();
    if (outcome_) return std::move(*outcome_);
    const auto words = (egress_.servers_.size() > 1 ? "no HTTP proxy can be reached: " : "") + why_;
    say(words);
    if (target_.words != nullptr) *target_.words = words;
    return io::error_of(deadline_.expired() ? core::Reason::timed_out : core::Reason::upstream_refused);
  }

 private:
  /// A proxy that did not answer, though it took the request.
  struct Suspect {
    std::size_t proxy;
    std::shared_ptr<HostDial> dial;
    core::Address address;
    core::Duration patience;
    bool silent;
  };

  void try_proxy(std::size_t index, bool others_left) {
    auto& server = *egress_.servers_[index];
    const ProxyRest::Turn turn(egress_.rest_, index, Clock::now());
    const auto dial = std::make_shared<HostDial>(*egress_.settings_.dialler, server.url.host, server.url.port);
    do {
      const auto attempt = std::make_shared<HttpConnectAttempt>(egress_.context_, target_, dial);
      if (!reach_in_time(index, attempt, others_left || waiting_, turn.is_probe())) return;
      const bool last = !others_left && !dial->others_left();
      const auto patience = last ? core::Duration::zero() : egress_.connector_.limit(true, turn.is_probe());
      waiting_ = std::make_unique<HttpConnectHandshake>(egress_.handshake_tools(), server, attempt, patience, yield_);
      asked_ = Clock::now();
      ask(*waiting_);
      if (waiting_->answered()) return answered(index, *dial);
      over_ = over_ || last;
      suspects_.push_back({index, dial, dial->reached(), patience, waiting_->is_silent()});
      if (!waiting_->is_silent()) waiting_.reset();
    } while (!over_ && dial->others_left());
  }

  /// False: this proxy cannot be used. Until another is reached, the one that was silent may still answer.
  bool reach_in_time(std::size_t index, const std::shared_ptr<HttpConnectAttempt>& attempt, bool others_left,
                     bool is_probe) {
    *current_ = attempt;
    const auto name = egress_.servers_[index]->name();
    Deadline deadline(egress_.context_, egress_.connector_.limit(others_left, is_probe),
                      [attempt] { attempt->expire(); });
    std::optional<Deadline> notice;
    if (!others_left) notice.emplace(egress_.context_, patience_of_people, [&] { say(name + unanswering); });
    std::string why;
    const auto error = egress_.connector_.reach(*egress_.servers_[index], *attempt, why, yield_);
    if (!error) return true;
    over_ = error == asio::error::operation_aborted || io::is_exhaustion(error) || deadline_.expired();
    why = attempt->expired ? unanswering : " cannot be reached: " + why;
    why_ = name + why;
    if (error == asio::error::operation_aborted || io::is_exhaustion(error)) {
      outcome_ = error;
    } else if (std::ranges::find(suspects_, index, &Suspect::proxy) == suspects_.end()) {
      egress_.note_failure(index, why, attempt->expired ? ProxyRest::first_rest_of_silent : ProxyRest::first_rest);
    }
    return false;
  }

  void say(const std::string& words) {
    egress_.log_.about_upstream(words, {{"destination", connect_authority(target_)}});
  }

  void ask(HttpConnectHandshake& handshake) {
    *current_ = handshake.attempt();
    auto outcome = handshake.run();
    const bool gone = !outcome && (outcome.error() == asio::error::operation_aborted ||
                                   io::is_exhaustion(outcome.error()) || deadline_.expired());
    over_ = handshake.answered() || gone;
    // A proxy's silence is no error as long as there is another.
    if (!handshake.is_silent()) outcome_.emplace(std::move(outcome));
  }

  // The last that was silent: none of the others can be reached.
  void wait_on() {
    if (deadline_.expired()) waiting_->attempt()->expire();
    ask(*waiting_);
    const auto last = std::move(suspects_.back());
    suspects_.pop_back();
    if (waiting_->answered()) answered(last.proxy, *last.dial);
  }

  void answered(std::size_t index, HostDial& dial) {
    dial.serves();
    for (const auto& suspect : suspects_) blame(suspect, index);
    if (egress_.rest_.succeeded(index))
      egress_.log_.about_flow(io::LogLevel::info, egress_.servers_[index]->name() + " is back");
  }

  // Only now that another answers is it clear that it was the proxy and not the destination; and not even now if it has
  // answered somebody else meanwhile, or if the other took as long.
  void blame(const Suspect& suspect, std::size_t who_answers) {
    if (suspect.silent && Clock::now() - asked_ >= suspect.patience) return;
    if (suspect.proxy != who_answers && egress_.servers_[suspect.proxy]->heard >= begin_) return;
    suspect.dial->fails(suspect.address);
    if (suspect.proxy == who_answers) return;
    egress_.note_failure(suspect.proxy,
                         suspect.silent ? " cannot be used: it takes connections and does not answer"
                                        : " cannot be used: it closes connections unanswered",
                         suspect.silent ? ProxyRest::first_rest_of_silent : ProxyRest::first_rest);
  }

  HttpConnectEgress& egress_;
  const Target& target_;
  asio::yield_context yield_;
  core::Time begin_;
  core::Time asked_{};                                            // the proxy that was reached last
  std::shared_ptr<std::shared_ptr<HttpConnectAttempt>> current_;  // what the time limit ends
  Deadline deadline_;
  std::unique_ptr<HttpConnectHandshake> waiting_;  // the last that was asked
  std::vector<Suspect> suspects_;
  std::optional<result<tcp::socket>> outcome_;
  std::string why_;  // the last that could not be reached
  bool over_ = false;
};

HttpConnectEgress::HttpConnectEgress(asio::io_context& context, const Settings& settings, const io::Log& log)
    : context_(context),
      settings_(settings),
      log_(log),
      connector_(context, settings.tls, settings.timeout),
      rest_(settings.proxies.size()),
      blocking_calls_(context) {
  if (!settings_.dialler) settings_.dialler = std::make_shared<HostDialler>(context);
  for (const auto& url : settings_.proxies) {
    servers_.push_back(std::make_unique<HttpProxyServer>(url, settings_.make_context));
  }
}

result<tcp::socket> HttpConnectEgress::connect(const Target& target, asio::yield_context yield) {
  const auto charge = charge_for(target, http_connect_cost);
  if (!charge) return error_code(asio::error::no_buffer_space);
  return Flow(*this, target, yield).run();
}

void HttpConnectEgress::stop() {
  settings_.dialler->stop();
  blocking_calls_.stop();
}

HttpConnectHandshake::Tools HttpConnectEgress::handshake_tools() {
  return {context_, connector_, blocking_calls_, log_, settings_.timeout};
}

void HttpConnectEgress::note_failure(std::size_t index, const std::string& what, core::Duration least_rest) {
  const auto rest = rest_.failed(index, Clock::now(), least_rest);
  if (!rest) return;
  // The only one is told of with the flow that it fails.
  if (servers_.size() == 1) return;
  log_.about_flow(io::LogLevel::warning,
                  servers_[index]->name() + what + "; others are preferred for " + core::in_seconds(*rest));
}

}  // namespace tfunnel::proxy
