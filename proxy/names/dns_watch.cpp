#include "proxy/names/dns_watch.hpp"

#include <algorithm>
#include <utility>

#include "proxy/names/dns_names.hpp"

namespace tfunnel::proxy {

// A name is learnt only if it is the only question; what stands behind that is of no use here.
void DnsPassing::note(const core::Endpoint& peer, core::ByteView query) {
  if (!dns::only_question(query)) return;
  auto question = dns::question_of(query);
  core::Charge charge(flow_.mux().budget().services());
  if (!charge.resize(question.capacity() + sizeof(Asked))) return;
  if (asked_.size() == most_asked) asked_.erase(asked_.begin());
  asked_.push_back({peer, std::move(question), std::move(charge)});
}

// Anybody may send to a UDP port of ours: only the answer to a question from the one that was asked says anything.
void DnsPassing::on_received(const core::Endpoint& peer, core::ByteView payload) {
  const auto asked = std::ranges::find_if(
      asked_, [&](const Asked& one) { return one.peer == peer && dns::answers(payload, one.query); });
  if (asked == asked_.end()) return;
  learn_names(names_, payload, std::chrono::steady_clock::now());
  asked_.erase(asked);
}

bool DnsWatch::take(UdpFlow& flow, const core::Endpoint& peer, core::ByteView payload) {
  if (peer.port == dns::port && dns::is_query(payload)) {
    auto& passing = part_of<DnsPassing>(flow, *this, names_);
    flow.listen(passing);
    passing.note(peer, payload);
  }
  return false;
}

}  // namespace tfunnel::proxy
