// A stream of DNS messages gives the same messages in any pieces, and none of them harms whoever forwards it.
#include <cstdlib>

#include "proxy/dns/dns_framing.hpp"
#include "proxy/dns/dns_records.hpp"
#include "proxy/names/dns_names.hpp"

using namespace tfunnel;
using namespace tfunnel::proxy;
using dns::Framing;

namespace {

std::vector<dns::Message> messages_in(core::ByteView stream, std::size_t piece) {
  Framing framing;
  std::vector<dns::Message> messages;
  while (!stream.empty() && framing.state() != Framing::State::broken) {
    stream = stream.subspan(framing.feed(stream.first(std::min(piece, stream.size()))));
    if (framing.state() == Framing::State::whole) messages.push_back(framing.take());
  }
  return messages;
}

/// The questions to a message before it is answered from here.
void judge(const dns::Message& message) {
  static_cast<void>(dns::authority_of(message));
  static_cast<void>(dns::count_answers(message, dns::a_record));
  const auto name = dns::asked_name(message);
  if (name) static_cast<void>(dns::reverse_address(*name));
  if (!dns::is_query(message) || !dns::only_question(message)) return;
  const auto answer = dns::with_address(message, core::Address(), 1);
  if (!dns::answers(answer, message) || dns::is_query(answer)) std::abort();
  if (name && !dns::is_query(dns::make_query(*name, dns::a_record, 0))) std::abort();
}

void forward(NameTable& table, const dns::Message& message, const dns::Message& before) {
  learn_names(table, message, core::Time());
  judge(message);
  if (!dns::is_query(before)) return;
  static_cast<void>(dns::answers(message, before));
  if (dns::udp_limit(before) < dns::least_udp_limit) std::abort();
  const auto cut = dns::truncated(message, before);
  if (!dns::is_truncated(cut) || dns::is_query(cut)) std::abort();
  if (!dns::answers(dns::failure(before, dns::Rcode::server_failure), before)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto messages = messages_in({data, size}, 1);
  if (messages != messages_in({data, size}, size)) std::abort();
  NameTable table({.entries = 4});
  for (std::size_t i = 0; i < messages.size(); ++i) forward(table, messages[i], messages[i > 0 ? i - 1 : 0]);
  if (table.size() > 4) std::abort();
  return 0;
}
