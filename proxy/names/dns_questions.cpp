#include "proxy/names/dns_questions.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "common/io/errors.hpp"
#include "proxy/names/dns_names.hpp"

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
// The cost of a question that is being looked up, beside its copies: a socket, a timer, and its places in tables.
constexpr std::size_t question_cost = 3U << 10;
}  // namespace

void DnsQuestions::ask(const core::Endpoint& peer, core::ByteView query) {
  auto& mux = flow_.mux();
  if (!dns::is_query(query)) {
    ++mux.counters().datagrams_dropped;
    return;
  }
  if (is_asked(peer, query)) return terms_.upstream.ask_again({query.begin(), query.end()});
  core::Charge charge(mux.budget().services());
  if (!charge.resize(question_cost + 4 * query.size())) {
    return on_no_answer(peer, {query.begin(), query.end()}, asio::error::no_buffer_space);
  }
  const auto question = std::make_shared<Question>(Question{peer, {query.begin(), query.end()}, std::move(charge)});
  waiting_.emplace(dns::id_of(query), question.get());
  try {
    // The flow may be over before the answer comes, and gone with all its parts.
    terms_.upstream.ask(peer, question->query,
                        [this, weak = flow_.weak_from_this(), question](result<dns::Message> answer) {
                          const auto flow = weak.lock();
                          if (!flow) return;
                          forget(*question);
                          if (!flow->over()) on_answer(question->peer, question->query, std::move(answer));
                        });
  } catch (const std::bad_alloc&) {
    forget(*question);
    throw;
  }
}

bool DnsQuestions::is_asked(const core::Endpoint& peer, core::ByteView query) const {
  const auto [begin, end] = waiting_.equal_range(dns::id_of(query));
  return std::any_of(begin, end, [&](const auto& entry) {
    return entry.second->peer == peer && std::ranges::equal(entry.second->query, query);
  });
}

void DnsQuestions::forget(const Question& question) {
  const auto [begin, end] = waiting_.equal_range(dns::id_of(question.query));
  const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second == &question; });
  if (found != end) waiting_.erase(found);
}

void DnsQuestions::on_answer(const core::Endpoint& peer, const dns::Message& query, result<dns::Message> answer) {
  if (!answer) return on_no_answer(peer, query, answer.error());
  if (terms_.names != nullptr) learn_names(*terms_.names, *answer, Clock::now());
  const auto most = std::min(dns::udp_limit(query), flow_.mux().largest_datagram(peer));
  if (answer->size() > most) answer = dns::truncated(*answer, query);
  flow_.answer(peer, *answer);
}

// An answer that did not come in time, or has no room here, is not given at all: the asker waits and asks again, as
// he would without us.
void DnsQuestions::on_no_answer(const core::Endpoint& peer, const dns::Message& query, error_code error) {
  if (is_silence(error)) {
    ++flow_.mux().counters().datagrams_dropped;
  } else if (terms_.is_resolver) {
    flow_.answer(peer, dns::failure(query, dns::Rcode::server_failure));
  } else {
    flow_.refuse(peer, io::reason_of(error));
  }
}

}  // namespace tfunnel::proxy
