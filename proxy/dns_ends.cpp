#include "proxy/dns_ends.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "common/io/errors.hpp"
#include "proxy/dns_names.hpp"

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
// The cost of a question that is being looked up, beside its copies: a socket, a timer, and its places in tables.
constexpr std::size_t question_cost = 3U << 10;
}  // namespace

void DnsEnd::on_datagram(const core::Endpoint& peer, core::ByteView payload) {
  if (over()) return;
  heard(Clock::now());
  const bool to_resolver = routes_.resolver != nullptr && routes_.resolver_addresses.contains(peer.address);
  if (is_refused(peer, to_resolver)) return mux_.datagram_error(*flow_, peer, core::Reason::refused);
  auto* upstream = to_resolver ? routes_.resolver : peer.port == dns::port ? routes_.stream : nullptr;
  if (upstream != nullptr) return ask(*upstream, peer, payload);
  pass(peer, payload);
}

bool DnsEnd::is_refused(const core::Endpoint& peer, bool to_resolver) const {
  if (to_resolver) return peer.port != dns::port;
  return routes_.virtual_names != nullptr && routes_.virtual_names->is_virtual(peer.address);
}

void DnsEnd::ask(DnsUpstream& upstream, const core::Endpoint& peer, core::ByteView query) {
  if (!dns::is_query(query)) {
    ++mux_.counters().datagrams_dropped;
    return;
  }
  if (is_asked(peer, query)) return upstream.ask_again({query.begin(), query.end()});
  core::Charge charge(mux_.budget().services());
  if (!charge.resize(question_cost + 4 * query.size())) {
    return on_no_answer(peer, {query.begin(), query.end()}, asio::error::no_buffer_space);
  }
  const auto question = std::make_shared<Question>(Question{peer, {query.begin(), query.end()}, std::move(charge)});
  waiting_.emplace(dns::id_of(query), question.get());
  try {
    // The flow may be over before the answer comes.
    upstream.ask(peer, question->query, [weak = weak_from_this(), question](result<dns::Message> answer) {
      const auto self = weak.lock();
      if (!self) return;
      self->forget(*question);
      if (!self->over()) self->on_answer(question->peer, question->query, std::move(answer));
    });
  } catch (const std::bad_alloc&) {
    forget(*question);
    throw;
  }
}

bool DnsEnd::is_asked(const core::Endpoint& peer, core::ByteView query) const {
  const auto [begin, end] = waiting_.equal_range(dns::id_of(query));
  return std::any_of(begin, end, [&](const auto& entry) {
    return entry.second->peer == peer && std::ranges::equal(entry.second->query, query);
  });
}

void DnsEnd::forget(const Question& question) {
  const auto [begin, end] = waiting_.equal_range(dns::id_of(question.query));
  const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second == &question; });
  if (found != end) waiting_.erase(found);
}

void DnsEnd::on_answer(const core::Endpoint& peer, const dns::Message& query, result<dns::Message> answer) {
  if (!answer) return on_no_answer(peer, query, answer.error());
  const auto now = Clock::now();
  if (routes_.names != nullptr) learn_names(*routes_.names, *answer, now);
  const auto most = std::min(dns::udp_limit(query), mux_.largest_datagram(peer));
  if (answer->size() > most) answer = dns::truncated(*answer, query);
  enqueue(now, peer, *answer);
}

// A resolver that cannot resolve says so. A server that cannot be reached is unreachable. An answer that did not
// come in time, or has no room here, is not given at all: the asker waits and asks again, as he would without us.
void DnsEnd::on_no_answer(const core::Endpoint& peer, const dns::Message& query, error_code error) {
  if (is_silence(error)) {
    ++mux_.counters().datagrams_dropped;
  } else if (routes_.resolver_addresses.contains(peer.address)) {
    enqueue(Clock::now(), peer, dns::failure(query, dns::Rcode::server_failure));
  } else {
    mux_.datagram_error(*flow_, peer, io::reason_of(error));
  }
}

void DnsEnd::pass(const core::Endpoint& peer, core::ByteView payload) {
  // This object lives until the end of this call, even if the other end ends the flow.
  const auto self = shared_from_this();
  if (!other_) {
    other_ = routes_.others->add(*flow_);
    if (!other_) return mux_.datagram_error(*flow_, peer, core::Reason::denied);
    const auto passing = std::dynamic_pointer_cast<io::DatagramEnd>(other_);
    if (passing && routes_.names != nullptr) {
      passing->on_enqueued([weak = weak_from_this()](const core::Endpoint& from, core::ByteView answer) {
        if (const auto end = weak.lock()) end->on_passing(from, answer);
      });
    }
  }
  if (routes_.names != nullptr && peer.port == dns::port && dns::is_query(payload)) note_asked(peer, payload);
  other_->on_datagram(peer, payload);
}

// A name is learnt only if it is the only question; what stands behind that is of no use here.
void DnsEnd::note_asked(const core::Endpoint& peer, core::ByteView query) {
  if (!dns::only_question(query)) return;
  auto question = dns::question_of(query);
  core::Charge charge(mux_.budget().services());
  if (!charge.resize(question.capacity() + sizeof(Asked))) return;
  if (asked_.size() == most_asked) asked_.erase(asked_.begin());
  asked_.push_back({peer, std::move(question), std::move(charge)});
}

// Anybody may send to a UDP port of ours: only the answer to a question from the one that was asked says anything.
void DnsEnd::on_passing(const core::Endpoint& peer, core::ByteView payload) {
  const auto asked = std::ranges::find_if(
      asked_, [&](const Asked& one) { return one.peer == peer && dns::answers(payload, one.query); });
  if (asked == asked_.end()) return;
  learn_names(*routes_.names, payload, Clock::now());
  asked_.erase(asked);
}

void DnsEnd::on_datagram_error(const core::Endpoint& peer, core::Reason reason) {
  if (other_) other_->on_datagram_error(peer, reason);
}

void DnsEnd::on_fin() {
  if (!other_) return DatagramEnd::on_fin();
  flow_ = nullptr;
  other_->on_fin();
}

void DnsEnd::on_reset(core::Reason reason) {
  flow_ = nullptr;
  if (other_) other_->on_reset(reason);
}

void DnsEnd::on_finished() {
  flow_ = nullptr;
  if (other_) other_->on_finished();
}

void DnsEnd::on_link_end() {
  flow_ = nullptr;
  if (other_) other_->on_link_end();
}

core::Pulled DnsEnd::pull(core::Batch& batch, std::size_t allowance, core::Time now) {
  auto pulled = DatagramEnd::pull(batch, allowance, now);
  const auto used = pulled.bytes + pulled.overhead;
  if (!other_ || pulled.more || used >= allowance) return pulled;
  const auto rest = other_->pull(batch, allowance - used, now);
  return {pulled.bytes + rest.bytes, rest.more, pulled.overhead + rest.overhead, rest.batch_full, rest.next};
}

std::string DnsEnd::describe() const { return other_ ? other_->describe() : "names only"; }

void DnsEnds::serve(core::Mux& mux) {
  mux_ = &mux;
  routes_.others->serve(mux);
  for (auto* upstream : {routes_.resolver, routes_.stream}) {
    if (upstream != nullptr) upstream->charge_to(mux.budget());
  }
}

std::shared_ptr<core::FlowHandler> DnsEnds::add(core::Flow& flow) {
  auto end = std::make_shared<DnsEnd>(*mux_, routes_);
  end->bind(flow, Clock::now());
  return end;
}

}  // namespace tfunnel::proxy
