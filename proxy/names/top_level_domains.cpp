#include "proxy/names/top_level_domains.hpp"

#include <memory>
#include <utility>

#include "proxy/dns/dns_records.hpp"

namespace tfunnel::proxy {

namespace {
using Clock = std::chrono::steady_clock;
}

void TopLevelDomains::ask(const std::string& name, std::function<void(bool)> done) {
  const auto label = name.substr(name.rfind('.') + 1);
  auto found = domains_.find(label);
  if (found != domains_.end() && found->second.waiting.empty()) {
    if (found->second.until > Clock::now()) return done(found->second.known);
    domains_.erase(found);
    found = domains_.end();
  }
  if (found != domains_.end()) return found->second.waiting.push_back(std::move(done));
  std::erase_if(domains_,
                [](const auto& one) { return one.second.waiting.empty() && one.second.until <= Clock::now(); });
  if (domains_.size() >= limits_.domains) return done(false);
  domains_[label].waiting.push_back(std::move(done));
  start(label);
}

void TopLevelDomains::start(const std::string& label) {
  const auto timer = std::make_shared<asio::steady_timer>(context_, limits_.answer);
  domains_[label].timer = timer;
  // The first to come takes `open`.
  const auto open = std::make_shared<bool>(true);
  const auto finish = [this, label, timer, open](bool known) {
    if (!std::exchange(*open, false)) return;
    timer->cancel();
    learnt(label, known);
  };
  timer->async_wait([finish](error_code error) {
    if (!error) finish(false);
  });
  // The resolver gives it an id that nobody can guess.
  nameservers_.ask({}, dns::make_query(label, dns::ns_record, 0), [finish](const result<dns::Message>& answer) {
    finish(answer && dns::rcode_of(*answer) == dns::Rcode::no_error && dns::count_answers(*answer, dns::ns_record) > 0);
  });
}

void TopLevelDomains::stop() {
  for (auto& [label, domain] : domains_) {
    domain.waiting.clear();
    if (domain.timer) domain.timer->cancel();
  }
}

void TopLevelDomains::learnt(const std::string& label, bool known) {
  auto& domain = domains_[label];
  domain.known = known;
  domain.timer = nullptr;
  domain.until = Clock::now() + (known ? limits_.known : limits_.unknown);
  const auto waiting = std::exchange(domain.waiting, {});
  for (const auto& done : waiting) done(known);
}

}  // namespace tfunnel::proxy
