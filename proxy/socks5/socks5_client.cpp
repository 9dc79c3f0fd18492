#include "proxy/socks5/socks5_client.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "common/io/errors.hpp"
#include "proxy/egress/egress.hpp"
#include "proxy/io/cleared_slot.hpp"
#include "proxy/io/deadline.hpp"
#include "proxy/lookup/name_answer.hpp"

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
constexpr std::size_t longest_password = 255;  // RFC 1929, 2

const boost::system::error_category& socks5_category() { return make_error_code(Socks5Error::refused).category(); }

/// It does not say whether its rules are about the port or about the destination.
std::string forbidden(Socks5Command command, std::uint16_t port) {
  if (command == Socks5Command::udp_associate) return "permits no UDP, by its rules";
  return "permits no port " + std::to_string(port) + ", or not to this destination, by its rules";
}
}  // namespace

/// Objects that the deadline may still touch when the coroutine is on its way out.
struct Socks5Client::Attempt {
  Attempt(asio::io_context& context, HostDialler& dialler, const Socks5Proxy& proxy)
      : dial(dialler, proxy.host, proxy.port),
        wait(std::make_shared<NameLookup::Wait>(context)),
        socket(context),
        turn(context) {}

  void stop() {
    stopped = true;
    dial.stop();
    wait->stop();
    turn.cancel();
    error_code ignored;
    socket.close(ignored);
  }
  HostDial dial;
  std::shared_ptr<NameLookup::Wait> wait;  // for a relay's name
  tcp::socket socket;
  asio::steady_timer turn;  // is waited for before the password is sent
  bool answered = false;    // the greeting
  bool stopped = false;
  bool withheld = false;                // the password is not to be sent
  CredentialTrust::Trial trial;         // of it
  bool silent = false;                  // the greeting is not answered in time
  std::vector<core::Address> suspects;  // did not answer it, though they took the connection
};

Socks5Client::Socks5Client(asio::io_context& context, Socks5Proxy proxy, core::Duration timeout, const io::Log& log,
                           std::shared_ptr<HostDialler> dialler)
    : context_(context),
      proxy_(std::move(proxy)),
      gate_(proxy_.password_file),
      timeout_(timeout),
      log_(log),
      dialler_(std::move(dialler)) {
  if (!dialler_) dialler_ = std::make_shared<HostDialler>(context);
}

std::string Socks5Proxy::text() const {
  const auto colon = host.find(':') != std::string::npos;
  return (colon ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

result<Socks5Client::Dialled> Socks5Client::dial(Socks5Command command, const Socks5Address& destination,
                                                 const io::LogField& about, asio::yield_context yield, AskAgain wish,
                                                 std::string* words) {
  const Asked asked{command, destination, about};
  const auto attempt = std::make_shared<Attempt>(context_, *dialler_, proxy_);
  Deadline deadline(context_, timeout_, [attempt] { attempt->stop(); });
  const auto shown = credentials(*attempt, yield);
  Socks5Handshake handshake(command, destination, shown ? *shown : std::nullopt);
  const Deadline notice(context_, patience_of_people, [&] { tell_silence(asked, *attempt); });
  const auto connect_error = shown ? reach(*attempt, yield) : shown.error();
  auto error = connect_error;
  if (!error) error = converse(attempt, handshake, yield);
  if (deadline.expired()) error = asio::error::timed_out;
  if (!error && !handshake.outcome()) error = judge(*attempt, handshake.outcome().error());
  if (handshake.requested() && error.category() == socks5_category()) {
    const auto said = static_cast<Socks5Error>(error.value());
    if (asks_again(wish, ask_again_after(said))) {
      log_.about_flow(io::LogLevel::info, failure(asked, error, true) + next_try(!destination.name.empty()), {about});
      return refused_as_called();
    }
  }
  if (error) return fault(asked, error, !connect_error, words);
  Dialled dialled{std::move(attempt->socket), *handshake.outcome()};
  if (command == Socks5Command::udp_associate) error = find_relay(*attempt, dialled, yield);
  if (error) return fault(asked, error, true, words);
  return dialled;
}

result<std::optional<Socks5Credentials>> Socks5Client::credentials(Attempt& attempt, const asio::yield_context& yield) {
  using Verdict = CredentialTrust::Verdict;
  if (!proxy_.credentials) return std::nullopt;
  // A refused user is refused for every destination.
  const auto ask = [&] { return gate_.ask({}, attempt.trial, {attempt.turn, attempt.stopped}, yield); };
  auto verdict = ask();
  if (verdict == Verdict::withhold) {
    if (const auto password = gate_.changed_password(); password && password->size() <= longest_password) {
      proxy_.credentials->password = *password;
      verdict = ask();
    }
  }
  if (verdict == Verdict::wait) return error_code(asio::error::operation_aborted);
  attempt.withheld = verdict == Verdict::withhold;
  return attempt.withheld ? std::nullopt : proxy_.credentials;
}

error_code Socks5Client::judge(const Attempt& attempt, error_code error) {
  if (attempt.withheld && error == Socks5Error::no_acceptable_method) return Socks5Error::credentials_rejected;
  auto& trust = gate_.trust();
  const bool says_nothing = error == Socks5Error::closed_at_password && !trust.ever_accepted();
  if (error == Socks5Error::credentials_rejected || says_nothing) trust.refused(Clock::now());
  return error;
}

error_code Socks5Client::reach(Attempt& attempt, asio::yield_context yield) {
  auto socket = attempt.dial.connect(yield);
  if (!socket) return socket.error();
  if (attempt.stopped) return asio::error::timed_out;
  attempt.socket = std::move(*socket);
  return {};
}

// Nothing in the answer concerns a destination, so a proxy that does not give it is at fault, and any other address
// may.
error_code Socks5Client::greet(const std::shared_ptr<Attempt>& attempt, const std::string& greeting,
                               asio::yield_context yield) {
  const ClearedSlot cleared(yield);
  for (;;) {
    error_code error;
    asio::async_write(attempt->socket, asio::buffer(greeting), yield[error]);
    const auto limit = attempt->dial.others_left() ? std::min(silence_limit, timeout_ / 2) : core::Duration::zero();
    if (!error) error = await_answer(attempt, limit, yield);
    if (!error) break;
    if (attempt->stopped || error == asio::error::operation_aborted || !attempt->dial.others_left()) return error;
    const auto failure = move_on(attempt, yield);
    if (!failure) continue;
    if (!attempt->silent || attempt->stopped || failure == asio::error::operation_aborted)
      return attempt->silent ? failure : error;
    // No other can be reached: this one may only be slow.
    error = await_answer(attempt, core::Duration::zero(), yield);
    if (error) return error;
    break;
  }
  attempt->answered = true;
  for (const auto& suspect : attempt->suspects) attempt->dial.fails(suspect);
  attempt->dial.serves();
  return {};
}

/// Until the first byte has come, for at most `limit` unless that is zero. Sets attempt->silent.
error_code Socks5Client::await_answer(const std::shared_ptr<Attempt>& attempt, core::Duration limit,
                                      asio::yield_context yield) {
  attempt->silent = false;
  const ClearedSlot cleared(yield);
  std::optional<Deadline> deadline;
  if (limit > core::Duration::zero()) {
    deadline.emplace(context_, limit, [attempt] {
      attempt->silent = true;
      error_code ignored;
      attempt->socket.cancel(ignored);
    });
  }
  error_code error;
  attempt->socket.async_wait(tcp::socket::wait_read, yield[error]);
  if (attempt->silent && yield.cancelled() == asio::cancellation_type::none) return asio::error::timed_out;
  if (error) return error;
  char first = 0;
  attempt->socket.receive(asio::buffer(&first, 1), tcp::socket::message_peek, error);
  return error;
}

/// To another address, if one can be reached; else the connection stays.
error_code Socks5Client::move_on(const std::shared_ptr<Attempt>& attempt, asio::yield_context yield) {
  const auto suspect = attempt->dial.reached();
  Deadline deadline(context_, std::min(silence_limit, timeout_ / 2), [attempt] { attempt->dial.stop(); });
  auto socket = attempt->dial.connect(yield);
  if (!socket) return socket.error();
  if (attempt->stopped) return asio::error::timed_out;
  attempt->suspects.push_back(suspect);
  attempt->socket = std::move(*socket);
  return {};
}

// Reads exactly what the handshake wants: the next byte belongs to the application.
error_code Socks5Client::converse(const std::shared_ptr<Attempt>& attempt_, Socks5Handshake& handshake,
                                  asio::yield_context yield) {
  auto& attempt = *attempt_;
  std::array<std::uint8_t, 512> buffer{};
  const ClearedSlot cleared(yield);
  error_code error = handshake.running() ? greet(attempt_, handshake.to_send(), yield) : error_code();
  if (error == asio::error::eof || error == asio::error::connection_reset) return Socks5Error::closed_early;
  if (error) return error;
  for (bool greeted = true; handshake.running(); greeted = false) {
    if (!greeted) asio::async_write(attempt.socket, asio::buffer(handshake.to_send()), yield[error]);
    if (error) return error;
    const auto part = asio::buffer(buffer, handshake.wanted());
    const auto count = asio::async_read(attempt.socket, part, yield[error]);
    if (count == part.size()) error.clear();
    const bool ended = error == asio::error::eof || error == asio::error::connection_reset;
    if (error && !ended) return error;
    handshake.feed(core::ByteView(buffer).first(count));
    if (ended && handshake.running()) handshake.end();
    // Those who wait for the verdict need not wait for its destination.
    if (handshake.authenticated() && proxy_.credentials && !attempt.withheld) gate_.trust().accepted({}, Clock::now());
    if (handshake.authenticated()) attempt.trial = {};
  }
  return {};
}

/// A relay that has a name: its address, best of the family by which the proxy was reached.
error_code Socks5Client::find_relay(Attempt& attempt, Dialled& dialled, const asio::yield_context& yield) {
  auto& bound = dialled.bound;
  if (bound.name.empty()) return {};
  const auto found = dialler_->lookup().find(bound.name, attempt.wait, yield);
  if (!found) return found.error();
  const auto same_family = [&](const auto& address) { return address.is_v4() == attempt.dial.reached().is_v4(); };
  const auto best = std::ranges::find_if(*found, same_family);
  bound.endpoint.address = best == found->end() ? found->front() : *best;
  bound.name.clear();
  return {};
}

std::string Socks5Client::failure(const Asked& asked, error_code error, bool reached) const {
  const auto name = "SOCKS5 proxy " + proxy_.text() + " ";
  if (!reached && error == asio::error::timed_out) return name + "cannot be reached: it does not answer in time";
  if (!reached) {
    const auto* what =
        is_name_error(error) ? "cannot be reached: its name cannot be resolved: " : "cannot be reached: ";
    return name + what + error.message();
  }
  if (error == asio::error::timed_out) return name + "did not answer within the time limit (--connect-timeout)";
  if (error == Socks5Error::not_allowed) return name + forbidden(asked.command, asked.destination.endpoint.port);
  if (error == Socks5Error::no_acceptable_method) {
    return name + (proxy_.credentials ? "accepts none of our ways to authenticate: check --socks5-user and the password"
                                      : "wants authentication: give --socks5-user and --socks5-password-file");
  }
  if (error == Socks5Error::credentials_rejected) {
    return name +
           "refused the user name or password: check --socks5-user and the password; they are not sent again for "
           "5 minutes";
  }
  return name + "failed a flow: " + error.message();
}

void Socks5Client::tell_silence(const Asked& asked, const Attempt& attempt) {
  if (attempt.answered) return;
  const auto text = attempt.socket.is_open()
                        ? "SOCKS5 proxy " + proxy_.text() + " takes connections and does not answer"
                        : failure(asked, asio::error::timed_out, false);
  log_.about_upstream(text, {asked.about});
}

error_code Socks5Client::fault(const Asked& asked, error_code error, bool reached, std::string* words) {
  if (error == asio::error::operation_aborted) return error;
  auto reason = core::Reason::upstream_refused;
  if (error.category() == socks5_category()) {
    reason = reason_of(static_cast<Socks5Error>(error.value()));
  } else if (error == asio::error::timed_out) {
    reason = core::Reason::timed_out;
  } else if (io::is_exhaustion(error)) {
    reason = core::Reason::resource_limit;
  }
  const auto text = failure(asked, error, reached);
  log_.about_upstream(text, {asked.about});
  if (words != nullptr) *words = text;
  return io::error_of(reason);
}

}  // namespace tfunnel::proxy
