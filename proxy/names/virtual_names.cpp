#include "proxy/names/virtual_names.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace tfunnel::proxy {

namespace {

constexpr std::array<std::uint8_t, 2> v4_prefix{198, 19};
constexpr std::array<std::uint8_t, 8> v6_prefix{0xfd, 0x0b, 0x7e, 0xdb, 0x89, 0x8f, 0x2a, 0xef};
constexpr std::uint32_t block = 254;  // addresses with the same third byte

core::Address v4_of(std::uint32_t number) {
  return core::Address::v4({v4_prefix[0], v4_prefix[1], static_cast<std::uint8_t>(number / block),
                            static_cast<std::uint8_t>(number % block + 1)});
}

/// The same last two bytes as v4_of().
core::Address v6_of(std::uint32_t number) {
  core::Address::Bytes bytes{};
  std::ranges::copy(v6_prefix, bytes.begin());
  std::ranges::copy_n(v4_of(number).v4_bytes().begin() + 2, 2, bytes.begin() + 14);
  return core::Address(bytes);
}

bool starts_with(auto bytes, const auto& prefix) { return std::equal(prefix.begin(), prefix.end(), bytes.begin()); }

}  // namespace

class VirtualNames::Hold {
 public:
  Hold(const std::shared_ptr<VirtualNames*>& names, Entries::iterator entry) : names_(names), entry_(entry) {}
  ~Hold() {
    if (const auto names = names_.lock()) (*names)->release(entry_);
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

 private:
  std::weak_ptr<VirtualNames*> names_;
  Entries::iterator entry_;
};

VirtualNames::VirtualNames(std::set<core::Address> taken, const Limits& limits, Clock clock)
    : taken_(std::move(taken)), limits_(limits), clock_(std::move(clock)) {
  assert(limits_.addresses <= Limits().addresses);
}

bool VirtualNames::is_virtual(const core::Address& address) const {
  const bool in_pool =
      address.is_v4() ? starts_with(address.v4_bytes(), v4_prefix) : starts_with(address.bytes(), v6_prefix);
  return in_pool && !taken_.contains(address);
}

std::optional<std::uint32_t> VirtualNames::number_of(const core::Address& address) const {
  if (!is_virtual(address)) return std::nullopt;
  const auto& bytes = address.bytes();
  if (bytes[15] == 0) return std::nullopt;
  const auto number = bytes[14] * block + bytes[15] - 1;
  // An IPv6 address with anything else in the middle is nobody's.
  if (address != v4_of(number) && address != v6_of(number)) return std::nullopt;
  return number;
}

std::optional<VirtualNames::Addresses> VirtualNames::assign(const std::string& name) {
  auto known = by_name_.find(name);
  if (known == by_name_.end()) {
    if (by_name_.size() >= limits_.names && !make_room()) return std::nullopt;
    auto number = free_number(name);
    if (!number && make_room()) number = free_number(name);
    if (!number) return std::nullopt;
    add(name, *number);
    known = by_name_.find(name);
  }
  touch(known->second);
  known->second->current_until = clock_() + limits_.time_to_live;
  return Addresses{v4_of(known->second->number), v6_of(known->second->number)};
}

std::optional<VirtualNames::Addresses> VirtualNames::current(const std::string& name) {
  const auto known = by_name_.find(name);
  if (known == by_name_.end() || known->second->current_until <= clock_()) return std::nullopt;
  touch(known->second);
  return Addresses{v4_of(known->second->number), v6_of(known->second->number)};
}

bool VirtualNames::adopt(const std::string& name, const core::Address& address) {
  const auto number = number_of(address);
  if (!number || *number != place_of(name) || by_number_.contains(*number) || by_name_.contains(name)) return false;
  if (by_name_.size() >= limits_.names && !make_room()) return false;
  add(name, *number);
  return true;
}

void VirtualNames::add(const std::string& name, std::uint32_t number) {
  const auto entry = unused_.insert(unused_.end(), Entry{name, number, 0, clock_(), {}});
  by_number_[number] = entry;
  by_name_[name] = entry;
}

void VirtualNames::has_real_answer(const std::string& name) {
  const auto known = by_name_.find(name);
  if (known != by_name_.end()) known->second->current_until = {};
}

std::optional<std::string> VirtualNames::name_of(const core::Address& address) const {
  const auto number = number_of(address);
  if (!number) return std::nullopt;
  const auto known = by_number_.find(*number);
  if (known == by_number_.end()) return std::nullopt;
  return known->second->name;
}

std::shared_ptr<const void> VirtualNames::flow_to(const core::Address& address) {
  const auto number = number_of(address);
  const auto known = number ? by_number_.find(*number) : by_number_.end();
  if (known == by_number_.end()) return nullptr;
  const auto entry = known->second;
  auto hold = std::make_shared<const Hold>(self_, entry);
  if (entry->flows++ == 0) in_use_.splice(in_use_.end(), unused_, entry);
  return hold;
}

void VirtualNames::release(Entries::iterator entry) {
  if (--entry->flows > 0) return;
  unused_.splice(unused_.end(), in_use_, entry);
  entry->last_use = clock_();
}

void VirtualNames::touch(Entries::iterator entry) {
  entry->last_use = clock_();
  if (entry->flows == 0) unused_.splice(unused_.end(), unused_, entry);
}

bool VirtualNames::make_room() {
  if (unused_.empty() || unused_.front().last_use + limits_.keep > clock_()) return false;
  const auto& gone = unused_.front();
  by_number_.erase(gone.number);
  by_name_.erase(gone.name);
  unused_.pop_front();
  return true;
}

bool VirtualNames::is_taken(std::uint32_t number) const {
  return taken_.contains(v4_of(number)) || taken_.contains(v6_of(number));
}

// FNV-1a: it must be the same in every process.
std::uint32_t VirtualNames::place_of(const std::string& name) const {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 1'099'511'628'211U;
  return static_cast<std::uint32_t>((hash ^ hash >> 32) % limits_.addresses);
}

std::optional<std::uint32_t> VirtualNames::free_number(const std::string& name) const {
  const auto place = place_of(name);
  for (std::uint32_t i = 0; i < limits_.addresses; ++i) {
    const auto number = (place + i) % limits_.addresses;
    if (!by_number_.contains(number) && !is_taken(number)) return number;
  }
  return std::nullopt;
}

}  // namespace tfunnel::proxy
