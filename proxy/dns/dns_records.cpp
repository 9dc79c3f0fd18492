#include "proxy/dns/dns_records.hpp"

#include <ares.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <vector>

#include "common/core/host_name.hpp"

namespace tfunnel::proxy::dns {

namespace {

constexpr std::uint16_t internet = 1;

void append_u16(Message& message, std::size_t value) {
  message.push_back(static_cast<std::uint8_t>(value >> 8));
  message.push_back(static_cast<std::uint8_t>(value));
}

struct Name {
  std::string text;
  std::size_t end;  // behind it in the message
};

/// The name at `at`, by c-ares, which looks after pointers and bounds.
std::optional<Name> name_at(core::ByteView message, std::size_t at) {
  if (at >= message.size()) return std::nullopt;
  char* text = nullptr;
  long used = 0;
  const auto size = static_cast<int>(message.size());
  if (ares_expand_name(message.data() + at, message.data(), size, &text, &used) != ARES_SUCCESS) return std::nullopt;
  const std::unique_ptr<char, decltype(&ares_free_string)> owner(text, ares_free_string);
  return Name{text, at + static_cast<std::size_t>(used)};
}

/// Walks through the records of a message, one section after the other.
class Records {
 public:
  /// REQUIRES: at least header_size bytes.
  explicit Records(core::ByteView message) : message_(message) {
    for (int left = u16_at(message, 4); at_ && left > 0; --left) {
      const auto name = name_at(message_, *at_);
      at_ = name ? std::optional(name->end + 4) : std::nullopt;
    }
  }

  struct Record {
    std::string owner;
    std::uint16_t type = 0;
  };
  /// Nothing if it leaves the message.
  std::optional<Record> next() {
    const auto name = at_ ? name_at(message_, *at_) : std::nullopt;
    at_.reset();
    if (!name || name->end + 10 > message_.size()) return std::nullopt;
    at_ = name->end + 10 + u16_at(message_, name->end + 8);
    return Record{name->text, u16_at(message_, name->end)};
  }

 private:
  core::ByteView message_;
  std::optional<std::size_t> at_ = header_size;
};

void append_name(Message& message, std::string_view name) {
  while (!name.empty()) {
    const auto length = std::min(name.find('.'), name.size());
    message.push_back(static_cast<std::uint8_t>(length));
    message.insert(message.end(), name.begin(), name.begin() + static_cast<std::ptrdiff_t>(length));
    name.remove_prefix(std::min(length + 1, name.size()));
  }
  message.push_back(0);
}

/// The answer to `query` with one record that belongs to the name in the question.
Message with_record(core::ByteView query, std::uint16_t type, const Message& content, std::uint32_t time_to_live) {
  constexpr std::size_t pointer_to_question = 0xc000 | header_size;
  Message record;
  append_u16(record, pointer_to_question);
  append_u16(record, type);
  append_u16(record, internet);
  append_u16(record, time_to_live >> 16);
  append_u16(record, time_to_live & 0xffff);
  append_u16(record, content.size());
  record.insert(record.end(), content.begin(), content.end());
  // Behind the question, before what EDNS adds.
  auto message = without_records(query);
  const auto behind_question = static_cast<std::ptrdiff_t>(question_of(query).size());
  message.insert(message.begin() + behind_question, record.begin(), record.end());
  message[7] = 1;
  return message;
}

std::vector<std::string_view> labels_of(std::string_view name) {
  std::vector<std::string_view> labels;
  for (std::size_t at = 0; at <= name.size();) {
    const auto end = std::min(name.find('.', at), name.size());
    labels.push_back(name.substr(at, end - at));
    at = end + 1;
  }
  return labels;
}

/// Reads whole labels as numbers below 256, the last one first.
template <std::size_t count>
std::optional<std::array<std::uint8_t, count>> backwards(const std::vector<std::string_view>& labels, int base) {
  std::array<std::uint8_t, count> numbers{};
  if (labels.size() != count + 2) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) {
    const auto label = labels[count - 1 - i];
    const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), numbers.at(i), base);
    if (error != std::errc() || end != label.data() + label.size()) return std::nullopt;
  }
  return numbers;
}

}  // namespace

std::optional<std::string> asked_name(core::ByteView message) {
  const auto name = name_at(message, header_size);
  return name ? core::host_name(name->text) : std::nullopt;
}

Message make_query(std::string_view name, std::uint16_t type, std::uint16_t id) {
  Message query(header_size);
  set_id(query, id);
  query[2] = recursion_desired_bit;
  query[5] = 1;
  append_name(query, name);
  append_u16(query, type);
  append_u16(query, internet);
  return query;
}

Message without_records(core::ByteView query) { return failure(query, Rcode::no_error); }

Message with_address(core::ByteView query, const core::Address& address, std::uint32_t time_to_live) {
  const auto bytes = address.wire();
  return with_record(query, address.is_v4() ? a_record : aaaa_record, Message(bytes.begin(), bytes.end()),
                     time_to_live);
}

Message with_name(core::ByteView query, std::string_view name, std::uint32_t time_to_live) {
  Message content;
  append_name(content, name);
  return with_record(query, ptr_record, content, time_to_live);
}

std::optional<core::Address> reverse_address(std::string_view name) {
  const auto labels = labels_of(name);
  if (labels.size() < 2 || labels.back() != "arpa") return std::nullopt;
  const auto kind = labels[labels.size() - 2];
  if (kind == "in-addr") {
    const auto bytes = backwards<4>(labels, 10);
    return bytes ? std::optional(core::Address::v4(*bytes)) : std::nullopt;
  }
  const auto nibbles = kind == "ip6" ? backwards<32>(labels, 16) : std::nullopt;
  if (!nibbles) return std::nullopt;
  core::Address::Bytes bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (nibbles->at(2 * i) > 15 || nibbles->at(2 * i + 1) > 15) return std::nullopt;
    bytes.at(i) = static_cast<std::uint8_t>(nibbles->at(2 * i) << 4 | nibbles->at(2 * i + 1));
  }
  return core::Address(bytes);
}

std::size_t count_answers(core::ByteView message, std::uint16_t type) {
  if (message.size() < header_size) return 0;
  Records records(message);
  std::size_t count = 0;
  for (int left = u16_at(message, 6); left > 0; --left) {
    const auto record = records.next();
    if (!record) return 0;
    count += record->type == type ? 1 : 0;
  }
  return count;
}

Authority authority_of(core::ByteView message) {
  Records records(message);
  const int answers = u16_at(message, 6);
  Authority authority;
  for (int i = 0; i < answers + u16_at(message, 8); ++i) {
    const auto record = records.next();
    if (!record) break;
    if (i < answers) continue;
    if (record->type == ns_record) authority.is_referral = answers == 0;
    if (record->type != soa_record) continue;
    authority.is_referral = false;
    authority.zone = record->owner.empty() ? "" : core::host_name(record->owner);
    break;
  }
  return authority;
}

}  // namespace tfunnel::proxy::dns
