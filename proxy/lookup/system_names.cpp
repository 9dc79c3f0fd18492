#include "proxy/lookup/system_names.hpp"

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <locale>
#include <utility>

#include "common/core/name_service_switch.hpp"
#include "proxy/lookup/library_names.hpp"

namespace tfunnel::proxy {

namespace {

constexpr auto pause = std::chrono::seconds(1);  // between two looks at the files

bool is_of_cares(const std::string& service) {
  return service == "files" || service == "dns" || service == "resolve" || service == "bind";
}

bool is_mdns(const std::string& service) { return service.starts_with("mdns"); }

bool ends_in_local(std::string_view name) {
  constexpr std::string_view local = ".local";
  if (name.ends_with('.')) name.remove_suffix(1);
  return name.size() > local.size() && boost::algorithm::iends_with(name, local, std::locale::classic());
}

}  // namespace

SystemNames::SystemNames(asio::io_context& context, Settings settings)
    : context_(context), settings_(std::move(settings)), library_(context) {
  read_files();
}

// Each flow asks, and a look costs four system calls.
bool SystemNames::has_changed(core::Time now) {
  if (stopped_ || now - looked_at_ < pause) return false;
  looked_at_ = now;
  const bool same =
      resolv_conf_ == io::FileVersion(settings_.resolv_conf) && nsswitch_ == io::FileVersion(settings_.nsswitch);
  if (same && servers_ == servers()) return false;
  if (channel_->pending() > 0) retired_.push_back(channel_);
  read_files();
  return true;
}

// Those of the file are best read by c-ares, which knows more of them than an address.
std::vector<core::Endpoint> SystemNames::servers() {
  if (!settings_.servers.empty()) return settings_.servers;
  const auto& current = nameservers_.current();
  return nameservers_.are_older() ? current : std::vector<core::Endpoint>();
}

void SystemNames::read_files() {
  servers_ = servers();
  resolv_conf_ = io::FileVersion(settings_.resolv_conf);
  nsswitch_ = io::FileVersion(settings_.nsswitch);
  const auto services = core::host_services(io::file_contents(settings_.nsswitch));
  has_mdns_ = has_library_names && std::ranges::any_of(services, is_mdns);
  has_others_ = has_library_names && !std::ranges::all_of(services, is_of_cares);
  channel_ = std::make_shared<CaresChannel>(context_, CaresChannel::Settings{settings_.resolv_conf, servers_});
}

bool SystemNames::is_of_mdns(const std::string& name) const { return has_mdns_ && ends_in_local(name); }

void SystemNames::stop() {
  stopped_ = true;
  channel_->stop();
  for (const auto& channel : retired_) channel->stop();
  library_.stop();
}

void SystemNames::ask(const std::string& name, Done done) {
  if (stopped_) return;
  if (is_of_mdns(name)) return ask_library(name, std::move(done));
  channel_->ask(name, [this, name, done = std::move(done)](NameAnswer answer) {
    if (stopped_) return;
    std::erase_if(retired_, [](const auto& channel) { return channel->pending() == 0; });
    answered(name, std::move(answer), done);
  });
}

void SystemNames::answered(const std::string& name, NameAnswer answer, const Done& done) {
  const auto& error = answer.error;
  const bool unknown = error == NameError::not_found || error == NameError::no_address || error == NameError::no_server;
  if (unknown && has_others_) return ask_library(name, done);
  done(std::move(answer));
}

void SystemNames::ask_library(const std::string& name, Done done) {
  const auto answer = std::make_shared<NameAnswer>();
  library_.run([name, answer] { *answer = library_answer(name); },
               [answer, done = std::move(done)] { done(std::move(*answer)); });
}

}  // namespace tfunnel::proxy
