#include "proxy/egress_http_connect.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "common/core/greeting.hpp"
#include "common/io/errors.hpp"
#include "proxy/deadline.hpp"
#include "proxy/http_response.hpp"
#include "proxy/password_turn.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;
using Next = ConnectDialogue::Next;

// Beside the coroutine, a handshake's buffers (measured: 8 KB), and a TLS session with what pumps it, for as long as it
// lasts (measured: 60 KB, and its buffers).
constexpr std::size_t handshake_cost = 8U << 10;
constexpr std::size_t session_cost = 96U << 10;
// A new connection takes less than what is announced and does not come.
constexpr core::Duration drain_limit = std::chrono::seconds(2);

std::string in_seconds(core::Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

/// What the first bytes of no HTTP response give away.
std::string what_speaks_so(const std::string& raw) {
  if (raw.starts_with("\x15\x03") || raw.starts_with("\x16\x03")) return "; that is TLS: give the proxy as https://";
  if (raw.starts_with('\x05')) return "; is it a SOCKS5 proxy? (--socks5)";
  return raw.starts_with("SSH-") ? "; that is an SSH server" : "";
}

}  // namespace

/// What a deadline must be able to stop, whichever step is at work. Shared with the deadlines, which may fire
/// after the coroutine has gone on.
struct HttpConnectEgress::Attempt {
  Attempt(asio::io_context& context, const Target& target_, std::shared_ptr<HostDial> dial_)
      : target(target_), dial(std::move(dial_)), step(context) {}
  void expire() {
    expired = true;
    dial->stop();
    step.cancel();
    if (connection) connection->expire();
  }
  const Target& target;            // alive while the coroutine is at work
  std::shared_ptr<HostDial> dial;  // with all attempts at one proxy
  asio::steady_timer step;         // is waited for while a security context is at work
  std::shared_ptr<ProxyConnection> connection;
  bool heard = false;  // the proxy said something
  bool expired = false;
};

/// Requests and answers over a proxy that was reached, and over a new connection where it does not keep the old. Its
/// `patience` is how long the proxy may be silent; zero: for ever.
class HttpConnectEgress::Handshake {
 public:
  Handshake(HttpConnectEgress& egress, Server& server, std::shared_ptr<Attempt> attempt, core::Duration patience,
            const asio::yield_context& yield)
      : egress_(egress),
        server_(server),
        shared_attempt_(std::move(attempt)),
        attempt_(*shared_attempt_),
        patience_(patience),
        yield_(yield),
        authority_(connect_authority(attempt_.target)),
        dialogue_(authority_, server.authenticator),
        password_(server.gate, server.authenticator, dialogue_, authority_) {}

  /// After is_silent() it may be called again, and goes on waiting without end.
  result<tcp::socket> run() {
    if (!silent_) proceed(dialogue_.begin());
    for (;;) {
      if (attempt_.expired) return fail_timed_out();
      if (cancelled()) return error_code(asio::error::operation_aborted);
      HttpResponse response;
      const auto error = std::exchange(silent_, false) ? read_final_head(response) : exchange(response);
      silent_ = error == ProxyConnection::interrupted();
      if (silent_) return error;
      if (error && reused_ && !attempt_.expired && error != asio::error::operation_aborted) {
        // It said that it would keep the connection, and changed its mind.
        if (const auto failed = reconnect()) return failed;
        continue;
      }
      if (error) return give_up(error, response);
      const auto next = judge(response);
      password_.judge(next, response.head().status);
      switch (proceed(next)) {
        case Next::established: return attempt_.connection->release(yield_);
        case Next::failed: return refused();
        default: break;
      }
      if (const auto failed = make_ready(response)) return failed;
    }
  }

  /// The proxy gave an answer, whatever it was.
  [[nodiscard]] bool answered() const { return answered_; }
  /// It said nothing within the patience.
  [[nodiscard]] bool is_silent() const { return silent_; }
  [[nodiscard]] const std::shared_ptr<Attempt>& attempt() const { return shared_attempt_; }

 private:
  /// Lets security contexts make what the next request needs, and waits until a password may be shown.
  Next proceed(Next next) {
    while ((next == Next::step || next == Next::again) && !attempt_.expired && !cancelled()) {
      if (password_.is_due()) {
        next = password_.pass(next, {attempt_.step, attempt_.expired}, yield_);
      } else if (next == Next::step) {
        next = dialogue_.on_step(take_step());
      } else {
        break;
      }
    }
    return next;
  }

  [[nodiscard]] bool cancelled() const { return yield_.cancelled() != asio::cancellation_type::none; }

  SecurityContext::Step take_step() {
    const auto made = std::make_shared<SecurityContext::Step>();
    auto call = [context = std::weak_ptr(dialogue_.context()), received = dialogue_.received(), made] {
      // Nobody waits any more if it is gone.
      if (const auto alive = context.lock()) *made = alive->step(received);
    };
    attempt_.step.expires_at(Clock::time_point::max());
    egress_.blocking_calls_.run(std::move(call), [attempt = shared_attempt_] { attempt->step.cancel(); });
    error_code cancelled;
    attempt_.step.async_wait(yield_[cancelled]);
    // The thread may still be writing.
    return attempt_.expired ? SecurityContext::Step{{}, "it takes too long"} : *made;
  }

  /// Sends a request and reads the head of the final answer.
  error_code exchange(HttpResponse& response) {
    auto& connection = *attempt_.connection;
    if (const auto error = connection.write(dialogue_.request(), yield_)) return error;
    if (patience_ > core::Duration::zero() && !attempt_.heard) watch_silence();
    return read_final_head(response);
  }

  // It may be the destination that does not answer the proxy: then the proxy is alive if it answers others.
  void watch_silence() {
    silence_.emplace(egress_.context_, patience_, [attempt = shared_attempt_, &server = server_, begin = Clock::now()] {
      if (!attempt->heard && server.heard < begin) attempt->connection->interrupt();
    });
  }

  error_code read_final_head(HttpResponse& response) {
    for (;;) {
      if (const auto error = read_head(response)) return error;
      if (!response.head().interim()) return {};
      next_ = dialogue_.on_response(response.head());
      if (next_ != Next::wait) return {};
      response = HttpResponse();
    }
  }

  error_code read_head(HttpResponse& response) {
    while (!response.head_done()) {
      const auto bytes = attempt_.connection->peek(yield_);
      if (!bytes) return bytes.error();
      attempt_.heard = true;
      server_.heard = Clock::now();
      const auto used = response.take_head(*bytes);
      if (!used) return used.error();
      if (const auto error = attempt_.connection->consume(*used)) return error;
    }
    answered_ = true;
    return {};
  }

  Next judge(const HttpResponse& response) {
    return response.head().interim() ? next_ : dialogue_.on_response(response.head());
  }

  /// For the next request: this connection, if the proxy keeps it and its answer can be read to the end.
  error_code make_ready(HttpResponse& response) {
    const auto wanted = dialogue_.connection();
    const bool needed = wanted == ConnectDialogue::Connection::same;
    const auto most = needed ? HttpResponse::most_needed_body : HttpResponse::most_body;
    reused_ = wanted != ConnectDialogue::Connection::fresh && response.keeps_connection(most) &&
              !drain(response, most, needed);
    if (attempt_.expired) return fail_timed_out();
    return reused_ ? error_code() : reconnect();
  }

  /// A body that does not come in time is not worth waiting for, unless this connection is needed.
  error_code drain(HttpResponse& response, std::size_t most, bool needed) {
    const auto limit = needed ? egress_.settings_.timeout : drain_limit;
    Deadline deadline(egress_.context_, limit, [connection = attempt_.connection] { connection->expire(); });
    while (!response.body_done()) {
      const auto bytes = attempt_.connection->peek(yield_);
      if (!bytes) return bytes.error();
      if (const auto error = response.take_body(*bytes, most)) return error;
      if (const auto error = attempt_.connection->consume(bytes->size())) return error;
    }
    return {};
  }

  error_code reconnect() {
    reused_ = false;
    if (dialogue_.connection() == ConnectDialogue::Connection::same)
      return fail(core::Reason::upstream_refused, "closed the connection that it was authenticating");
    std::string why;
    const auto error = egress_.reach_again(server_, attempt_, why, yield_);
    if (!error || error == asio::error::operation_aborted) return error;
    if (attempt_.expired) return fail_timed_out();
    return fail(core::Reason::upstream_refused, "could not be reached again: " + why);
  }

  error_code refused() {
    if (asks_again(attempt_.target.asks_again, dialogue_.asks_again())) return fail_as_called(dialogue_.message());
    return fail(dialogue_.reason(), password_.failure());
  }

  /// Nobody need do anything about it yet.
  error_code fail_as_called(const std::string& message) {
    egress_.log_.about_flow(io::LogLevel::info,
                            server_.name() + " " + message + next_try(!attempt_.target.name.empty()),
                            {{"destination", authority_}});
    return refused_as_called();
  }

  error_code give_up(error_code error, const HttpResponse& response) {
    if (attempt_.expired) return fail_timed_out();
    if (error == asio::error::operation_aborted) return error;
    const auto said = "\"" + core::printable(response.raw()) + "\"";
    const bool left = error == asio::error::eof || error == asio::error::connection_reset;
    if (left && response.raw().empty() && attempt_.target.asks_again == AskAgain::if_refused)
      return fail_as_called("closed the connection without an answer");
    if (error == asio::error::eof) {
      return fail(core::Reason::upstream_refused, response.raw().empty()
                                                      ? "closed the connection without an answer"
                                                      : "closed the connection in the middle of its answer " + said);
    }
    if (error == boost::system::errc::message_size)
      return fail(core::Reason::upstream_refused, "sent a response head of more than 256 KiB");
    if (error == boost::system::errc::bad_message) {
      return fail(core::Reason::upstream_refused,
                  "answered with something that is no HTTP response: " + said + what_speaks_so(response.raw()));
    }
    return fail(core::Reason::upstream_refused, "broke the connection: " + error.message());
  }

  error_code fail_timed_out() {
    return fail(core::Reason::timed_out, "did not connect within the time limit (--connect-timeout)");
  }

  /// Each call is a kind of line: a flood of destinations that the rules forbid must not hide that the proxy is broken.
  error_code fail(core::Reason reason, const std::string& message, int line = __builtin_LINE()) {
    const auto words = server_.name() + " " + message;
    egress_.log_.about_upstream(words, {{"destination", authority_}}, line);
    if (attempt_.target.words != nullptr) *attempt_.target.words = words;
    return io::error_of(reason);
  }

  HttpConnectEgress& egress_;
  Server& server_;
  std::shared_ptr<Attempt> shared_attempt_;
  Attempt& attempt_;
  core::Duration patience_;
  std::optional<Deadline> silence_;
  asio::yield_context yield_;
  std::string authority_;
  ConnectDialogue dialogue_;
  PasswordTurn password_;
  Next next_ = Next::wait;  // after an interim response
  bool reused_ = false;     // the connection served a request before
  bool answered_ = false;
  bool silent_ = false;
};

/// One flow's way through the proxies, from one to the next until one answers.
class HttpConnectEgress::Flow {
 public:
  Flow(HttpConnectEgress& egress, const Target& target, const asio::yield_context& yield)
      : egress_(egress),
        target_(target),
        yield_(yield),
        begin_(Clock::now()),
        current_(std::make_shared<std::shared_ptr<Attempt>>()),
        deadline_(egress.context_, egress.settings_.timeout, [current = current_] {
          if (*current) (*current)->expire();
        }) {}

  result<tcp::socket> run() {
    const auto order = egress_.rest_.order(begin_);
    for (std::size_t i = 0; i < order.size() && !over_; ++i) try_proxy(order[i], i + 1 < order.size());
    if (!outcome_ && waiting_) wait_on();
    if (outcome_) return std::move(*outcome_);
    const auto words = "no HTTP proxy can be reached: " + why_;
    egress_.log_.about_upstream(words, {{"destination", connect_authority(target_)}});
    if (target_.words != nullptr) *target_.words = words;
    return io::error_of(deadline_.expired() ? core::Reason::timed_out : core::Reason::upstream_refused);
  }

 private:
  /// Who did not answer, though it took the request.
  struct Suspect {
    std::size_t proxy;
    std::shared_ptr<HostDial> dial;
    core::Address address;
    bool silent;
  };

  void try_proxy(std::size_t index, bool others_left) {
    auto& server = *egress_.servers_[index];
    const ProxyRest::Turn turn(egress_.rest_, index, Clock::now());
    const auto dial = std::make_shared<HostDial>(*egress_.settings_.dialler, server.url.host, server.url.port);
    do {
      const auto attempt = std::make_shared<Attempt>(egress_.context_, target_, dial);
      if (!reach_in_time(index, attempt, others_left || waiting_, turn.is_probe())) return;
      const bool last = !others_left && !dial->others_left();
      const auto patience = last ? core::Duration::zero() : egress_.limit(true, turn.is_probe());
      waiting_ = std::make_unique<Handshake>(egress_, server, attempt, patience, yield_);
      ask(*waiting_);
      if (waiting_->answered()) return answered(index, *dial);
      over_ = over_ || last;
      suspects_.push_back({index, dial, dial->reached(), waiting_->is_silent()});
      if (!waiting_->is_silent()) waiting_.reset();
    } while (!over_ && dial->others_left());
  }

  /// False: this proxy cannot be used. Until another is reached, the one that was silent may still answer.
  bool reach_in_time(std::size_t index, const std::shared_ptr<Attempt>& attempt, bool others_left, bool is_probe) {
    *current_ = attempt;
    Deadline deadline(egress_.context_, egress_.limit(others_left, is_probe), [attempt] { attempt->expire(); });
    std::string why;
    const auto error = egress_.reach(*egress_.servers_[index], *attempt, why, yield_);
    if (!error) return true;
    over_ = error == asio::error::operation_aborted || io::is_exhaustion(error) || deadline_.expired();
    if (attempt->expired) why = "it does not answer in time";
    why_ = egress_.servers_[index]->name() + ": " + why;
    if (error == asio::error::operation_aborted || io::is_exhaustion(error)) {
      outcome_ = error;
    } else if (std::ranges::find(suspects_, index, &Suspect::proxy) == suspects_.end()) {
      egress_.note_failure(index, why, attempt->expired ? ProxyRest::first_rest_of_silent : ProxyRest::first_rest);
    }
    return false;
  }

  void ask(Handshake& handshake) {
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
  // answered somebody else meanwhile.
  void blame(const Suspect& suspect, std::size_t who_answers) {
    if (suspect.proxy != who_answers && egress_.servers_[suspect.proxy]->heard >= begin_) return;
    suspect.dial->fails(suspect.address);
    if (suspect.proxy == who_answers) return;
    egress_.note_failure(
        suspect.proxy, suspect.silent ? "it takes connections and does not answer" : "it closes connections unanswered",
        suspect.silent ? ProxyRest::first_rest_of_silent : ProxyRest::first_rest);
  }

  HttpConnectEgress& egress_;
  const Target& target_;
  asio::yield_context yield_;
  core::Time begin_;
  std::shared_ptr<std::shared_ptr<Attempt>> current_;  // what the time limit ends
  Deadline deadline_;
  std::unique_ptr<Handshake> waiting_;  // the last that was asked
  std::vector<Suspect> suspects_;
  std::optional<result<tcp::socket>> outcome_;
  std::string why_;  // the last that could not be reached
  bool over_ = false;
};

HttpConnectEgress::HttpConnectEgress(asio::io_context& context, const Settings& settings, const io::Log& log)
    : context_(context), settings_(settings), log_(log), rest_(settings.proxies.size()), blocking_calls_(context) {
  if (!settings_.dialler) settings_.dialler = std::make_shared<HostDialler>(context);
  for (const auto& url : settings_.proxies) {
    servers_.push_back(std::make_unique<Server>(url, settings_.make_context));
  }
}

result<tcp::socket> HttpConnectEgress::connect(const Target& target, asio::yield_context yield) {
  const auto charge = charge_for(target, handshake_cost);
  if (!charge) return error_code(asio::error::no_buffer_space);
  return Flow(*this, target, yield).run();
}

core::Duration HttpConnectEgress::limit(bool others_left, bool is_probe) const {
  return others_left ? std::min(is_probe ? probe_limit : reach_limit, settings_.timeout / 2) : settings_.timeout;
}

void HttpConnectEgress::note_failure(std::size_t index, const std::string& why, core::Duration least_rest) {
  const auto rest = rest_.failed(index, Clock::now(), least_rest);
  if (!rest) return;
  const auto consequence = servers_.size() > 1 ? "; others are preferred for " + in_seconds(*rest) : std::string();
  log_.about_flow(io::LogLevel::warning, servers_[index]->name() + " cannot be used: " + why + consequence);
}

error_code HttpConnectEgress::reach(Server& server, Attempt& attempt, std::string& why,
                                    const asio::yield_context& yield) {
  for (;;) {
    auto socket = attempt.dial->connect(yield);
    if (!socket) {
      why = is_name_error(socket.error()) ? "its name cannot be resolved: " : "";
      why += socket.error().message();
      return socket.error();
    }
    const auto error = secure(server, attempt, std::move(*socket), why, yield);
    if (!error || error == asio::error::operation_aborted || io::is_exhaustion(error)) return error;
    attempt.dial->fails();
    if (attempt.expired || !attempt.dial->others_left()) return error;
  }
}

error_code HttpConnectEgress::reach_again(Server& server, Attempt& attempt, std::string& why,
                                          const asio::yield_context& yield) {
  auto socket = attempt.dial->connect_again(yield);
  if (socket) return secure(server, attempt, std::move(*socket), why, yield);
  why = socket.error().message();
  return socket.error();
}

error_code HttpConnectEgress::secure(Server& server, Attempt& attempt, tcp::socket socket, std::string& why,
                                     const asio::yield_context& yield) {
  auto charge = charge_for(attempt.target, server.url.tls ? session_cost : 0);
  if (!charge) return asio::error::no_buffer_space;
  const auto connection =
      server.url.tls ? settings_.tls->make(context_, server.url.host) : std::make_shared<ProxyConnection>(context_);
  attempt.connection = connection;
  connection->hold(std::move(*charge));
  connection->adopt(std::move(socket));
  std::optional<Deadline> deadline;
  // Another address may speak TLS where this one does not answer.
  if (server.url.tls && attempt.dial->others_left())
    deadline.emplace(context_, limit(true), [connection] { connection->expire(); });
  const auto error = connection->secure(why, yield);
  if (error && why.empty()) why = error.message();
  return error;
}

}  // namespace tfunnel::proxy
