#include "proxy/dns/truncated_answers.hpp"

#include <algorithm>

namespace tfunnel::proxy {

namespace {

/// The question section alone.
dns::Message question_in(core::ByteView query) {
  auto question = dns::question_of(query);
  question.erase(question.begin(), question.begin() + static_cast<std::ptrdiff_t>(dns::header_size));
  return question;
}

}  // namespace

void TruncatedAnswers::note(core::ByteView query, const core::Endpoint& server, core::Time now) {
  auto question = question_in(query);
  std::erase_if(notes_, [&](const Note& note) { return note.until <= now || note.question == question; });
  if (notes_.size() == most) notes_.pop_back();
  notes_.push_front({std::move(question), server, now + lifetime});
}

std::optional<core::Endpoint> TruncatedAnswers::find(core::ByteView query, core::Time now) const {
  const auto question = question_in(query);
  const auto found =
      std::ranges::find_if(notes_, [&](const Note& note) { return note.until > now && note.question == question; });
  return found == notes_.end() ? std::nullopt : std::optional(found->server);
}

}  // namespace tfunnel::proxy
