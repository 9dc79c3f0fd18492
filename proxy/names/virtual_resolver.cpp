#include "proxy/names/virtual_resolver.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "proxy/dns/dns_records.hpp"
#include "proxy/names/special_names.hpp"

namespace tfunnel::proxy {

namespace {

using Clock = std::chrono::steady_clock;

struct Subject {
  std::string name;
  std::uint16_t type;
};

/// The subject of an ordinary query; nothing if it is of another kind.
std::optional<Subject> subject_of(const dns::Message& query) {
  constexpr std::uint16_t internet = 1;
  constexpr std::uint8_t opcode_bits = 0x78;
  const auto question = dns::only_question(query);
  if (!question || question->record_class != internet || (query[2] & opcode_bits) != 0) return std::nullopt;
  auto name = dns::asked_name(query);
  if (!name) return std::nullopt;
  return Subject{std::move(*name), question->type};
}

bool is_in_zone(const std::string& name, const std::string& zone) { return name == zone || name.ends_with("." + zone); }

bool has_answers(const dns::Message& message) { return message[6] != 0 || message[7] != 0; }

/// An answer without an error: is there anything in it, or is it at least said by who knows the name?
bool tells_something(const dns::Message& answer, std::uint16_t type) {
  if (dns::is_truncated(answer)) return true;
  const auto authority = dns::authority_of(answer);
  // An alias that leads outside, where the nameservers could not follow.
  const bool leads_nowhere = type == dns::a_record && dns::count_answers(answer, dns::a_record) == 0;
  if (has_answers(answer)) return !leads_nowhere || authority.zone;
  return !authority.is_referral;
}

}  // namespace

VirtualResolver::VirtualResolver(asio::io_context& context, DnsUpstream& nameservers, VirtualNames& names,
                                 Settings settings, const io::Log& log)
    : context_(context),
      nameservers_(nameservers),
      names_(names),
      settings_(std::move(settings)),
      log_(log),
      patience_(settings_.patience),
      top_level_(context, nameservers, settings_.top_level) {}

void VirtualResolver::ask(const core::Endpoint& server, dns::Message query, Done done) {
  ask_by([this, server](dns::Message asked,
                        Done answered) { nameservers_.ask(server, std::move(asked), std::move(answered)); },
         std::move(query), std::move(done));
}

void VirtualResolver::ask_by(const AskReal& real, dns::Message query, Done done) {
  const auto subject = subject_of(query);
  if (!subject) return real(std::move(query), std::move(done));
  const auto& [name, type] = *subject;
  const auto reverse = dns::reverse_address(name);
  if (reverse && names_.is_virtual(*reverse)) return answer_reverse(*reverse, type, query, done);
  const auto use = use_of(name);
  const bool excepted = settings_.exceptions != nullptr && settings_.exceptions->matches_any_port(name);
  if (use == NameUse::local || excepted) return real(std::move(query), std::move(done));
  if (const auto addresses = names_.current(name)) return done(virtual_answer(addresses, type, query));
  if (use == NameUse::proxy_only) return done(virtual_answer(assign(name), type, query));
  inquire(real, name, type, std::move(query), std::move(done));
}

void VirtualResolver::stop() {
  top_level_.stop();
  for (auto& [name, inquiry] : std::exchange(inquiries_, {})) {
    for (const auto& question : inquiry.questions) {
      question->timer.cancel();
      question->done = nullptr;
    }
  }
}

void VirtualResolver::answer_reverse(const core::Address& address, std::uint16_t type, const dns::Message& query,
                                     const Done& done) {
  const auto name = names_.name_of(address);
  if (!name) return done(dns::failure(query, dns::Rcode::name_error));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(names_.time_to_live()).count();
  done(type == dns::ptr_record ? dns::with_name(query, *name, static_cast<std::uint32_t>(seconds))
                               : dns::without_records(query));
}

void VirtualResolver::inquire(const AskReal& real, const std::string& name, std::uint16_t type, dns::Message query,
                              Done done) {
  auto question = std::make_shared<Question>(context_, name, type, std::move(query), std::move(done), real);
  auto& inquiry = inquiries_[name];
  inquiry.questions.push_back(question);
  inquiry.address_asked = inquiry.address_asked || type == dns::a_record;
  ask_nameservers(question);
}

// Either may call back from within, and answer the question. The asker forgets a question that there is no memory for.
void VirtualResolver::ask_nameservers(const Asked& question) {
  if (unheard_ >= settings_.unheard) {
    question->heard = true;
    return on_poor(question, error_code(asio::error::no_buffer_space));
  }
  question->asked = Clock::now();
  question->timer.expires_after(patience_.next());
  question->timer.async_wait([this, question](error_code error) {
    if (!error && question->done && !question->heard) on_patience_over(question);
  });
  try {
    question->real(question->query,
                   [this, question](result<dns::Message> answer) { on_answer(question, std::move(answer)); });
  } catch (const std::bad_alloc&) {
    question->timer.cancel();
    question->done = nullptr;
    leave(question);
    throw;
  }
}

void VirtualResolver::on_answer(const Asked& question, result<dns::Message> answer) {
  question->heard = true;
  const bool real = is_real(answer, *question);
  if (answer && (real || dns::rcode_of(*answer) == dns::Rcode::name_error)) {
    patience_.on_answer(Clock::now() - question->asked);
  }
  const bool is_address = question->type == dns::a_record;
  if (!question->done) {
    --unheard_;
    if (real && is_address) names_.has_real_answer(question->name);
    return;
  }
  question->timer.cancel();
  if (!real) return on_poor(question, std::move(answer));
  finish(question, std::move(answer));
  if (is_address) all_real(question->name);
}

void VirtualResolver::on_patience_over(const Asked& question) {
  patience_.on_silence();
  on_poor(question, error_code(asio::error::timed_out));
}

void VirtualResolver::on_poor(const Asked& question, result<dns::Message> answer) {
  question->poor = std::move(answer);
  auto& inquiry = inquiries_[question->name];
  if (inquiry.is_real) {
    // One that the nameservers are silent about is still theirs.
    if (question->heard) finish(question, std::move(*question->poor));
  } else if (question->type == dns::a_record) {
    judge(question);
  } else if (!inquiry.address_asked) {
    inquire(question->real, question->name, dns::a_record, dns::make_query(question->name, dns::a_record, 0),
            [](const result<dns::Message>& /*answer*/) {});
  }
}

void VirtualResolver::judge(const Asked& question) {
  const auto& said = *question->poor;
  const bool denies = said && dns::rcode_of(*said) == dns::Rcode::name_error;
  if (!denies || settings_.always) return all_virtual(question->name);
  top_level_.ask(question->name, [this, question](bool known) {
    if (!question->done) return;
    known ? all_real(question->name) : all_virtual(question->name);
  });
}

void VirtualResolver::all_real(const std::string& name) {
  const auto inquiry = inquiries_.find(name);
  if (inquiry == inquiries_.end()) return;
  inquiry->second.is_real = true;
  const auto questions = inquiry->second.questions;
  for (const auto& question : questions) {
    if (question->done && question->heard) finish(question, std::move(*question->poor));
  }
}

void VirtualResolver::all_virtual(const std::string& name) {
  const auto inquiry = inquiries_.find(name);
  if (inquiry == inquiries_.end()) return;
  const auto addresses = assign(name);
  const auto questions = std::move(inquiry->second.questions);
  inquiries_.erase(inquiry);
  for (const auto& question : questions) {
    finish(question, virtual_answer(addresses, question->type, question->query));
  }
}

void VirtualResolver::finish(const Asked& question, result<dns::Message> answer) {
  question->timer.cancel();
  if (!question->heard) ++unheard_;
  const auto done = std::exchange(question->done, nullptr);
  leave(question);
  done(std::move(answer));
}

void VirtualResolver::leave(const Asked& question) {
  const auto inquiry = inquiries_.find(question->name);
  if (inquiry == inquiries_.end()) return;
  std::erase(inquiry->second.questions, question);
  if (inquiry->second.questions.empty()) inquiries_.erase(inquiry);
}

bool VirtualResolver::is_real(const result<dns::Message>& answer, const Question& question) const {
  if (!answer) return false;
  switch (dns::rcode_of(*answer)) {
    case dns::Rcode::no_error: return tells_something(*answer, question.type);
    case dns::Rcode::name_error: {
      const auto zone = settings_.always ? std::nullopt : dns::authority_of(*answer).zone;
      return zone && !zone->empty() && is_in_zone(question.name, *zone);
    }
    case dns::Rcode::server_failure:
    case dns::Rcode::not_implemented:
    case dns::Rcode::refused: return false;
    default: return true;
  }
}

std::optional<VirtualNames::Addresses> VirtualResolver::assign(const std::string& name) {
  auto addresses = names_.assign(name);
  if (!addresses) {
    log_.about_flow(io::LogLevel::warning, "no virtual address is free: a name is not found", {{"name", name}});
  } else if (!std::exchange(told_, true)) {
    log_.about_flow(
        io::LogLevel::info,
        "the nameservers do not know outside names: they get virtual addresses, and the upstream proxy resolves",
        {{"first", name}});
  }
  return addresses;
}

dns::Message VirtualResolver::virtual_answer(const std::optional<VirtualNames::Addresses>& addresses,
                                             std::uint16_t type, const dns::Message& query) const {
  if (!addresses) return dns::failure(query, dns::Rcode::server_failure);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(names_.time_to_live()).count();
  const auto time_to_live = static_cast<std::uint32_t>(seconds);
  if (type == dns::a_record) return dns::with_address(query, addresses->v4, time_to_live);
  if (type == dns::aaaa_record) return dns::with_address(query, addresses->v6, time_to_live);
  return dns::without_records(query);
}

}  // namespace tfunnel::proxy
