#include "proxy/dns/far_question.hpp"

#include <boost/asio/error.hpp>
#include <utility>

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
}

FarQuestion::FarQuestion(asio::io_context& context, Ways ways, Inquiry inquiry, dns::Message query)
    : ways_(std::move(ways)), inquiry_(std::move(inquiry)), query_(std::move(query)), timer_(context) {}

// Asking may bring an answer, or an error, at once, and end it all.
void FarQuestion::go_on() {
  const auto self = shared_from_this();
  while (!over_) {
    const auto server = inquiry_.next(Clock::now());
    if (const auto silent = inquiry_.take_silent()) ways_.failed(*silent, asio::error::timed_out, asked_at_);
    if (!server) break;
    ask(*server);
  }
  if (over_) return;
  if (inquiry_.over()) {
    over_ = true;
    asked_.clear();
    timer_.cancel();
    return ways_.over(*this);
  }
  timer_.expires_at(inquiry_.due());
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto question = weak.lock();
    if (!error && question) question->go_on();
  });
}

void FarQuestion::hurry() {
  inquiry_.hurry(Clock::now());
  go_on();
}

void FarQuestion::ask(const core::Endpoint& server) {
  asked_at_ = Clock::now();
  if (auto* stream = ways_.stream(server)) return ask_stream(*stream, server);
  if (const auto error = ask_datagram(server)) fail(server, error);
}

error_code FarQuestion::ask_datagram(const core::Endpoint& server) {
  auto& asked = asked_[server];
  if (!asked) {
    auto made = ways_.ports.ask(server, query_, [weak = weak_from_this(), server](result<dns::Message> answer) {
      if (const auto question = weak.lock()) question->heard(server, std::move(answer));
    });
    if (!made) return made.error();
    asked = std::move(*made);
  }
  return asked->send();
}

void FarQuestion::ask_stream(DnsUpstream& stream, const core::Endpoint& server) {
  if (!on_streams_.insert(server).second) return;
  stream.ask(server, query_, [weak = weak_from_this(), server](result<dns::Message> answer) {
    const auto question = weak.lock();
    if (!question) return;
    question->on_streams_.erase(server);
    question->heard(server, std::move(answer));
  });
}

void FarQuestion::heard(const core::Endpoint& server, result<dns::Message> answer) {
  if (over_) return;
  if (answer) {
    ways_.answered(server);
    inquiry_.heard(server, std::move(*answer), Clock::now());
  } else {
    fail(server, answer.error());
  }
  go_on();
}

void FarQuestion::fail(const core::Endpoint& server, error_code error) {
  if (!is_silence(error)) ways_.failed(server, error, asked_at_);
  inquiry_.failed(server, error, Clock::now());
}

void FarQuestion::tell() {
  for (auto& [id, done] : std::exchange(waiting_, {})) {
    auto outcome = inquiry_.outcome();
    if (outcome) dns::set_id(*outcome, id);
    done(std::move(outcome));
  }
}

}  // namespace tfunnel::proxy
