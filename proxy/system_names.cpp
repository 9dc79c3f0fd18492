#include "proxy/system_names.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/ip/basic_endpoint.hpp>
#include <cstring>
#include <locale>
#include <utility>

#include "common/core/name_service_switch.hpp"

namespace tfunnel::proxy {

namespace {

// The C library tells no time to live.
constexpr auto library_good_for = std::chrono::seconds(30);

bool is_of_cares(const std::string& service) {
  return service == "files" || service == "dns" || service == "resolve" || service == "bind";
}

bool is_mdns(const std::string& service) { return service.starts_with("mdns"); }

bool ends_in_local(std::string_view name) {
  constexpr std::string_view local = ".local";
  if (name.ends_with('.')) name.remove_suffix(1);
  return name.size() > local.size() && boost::algorithm::iends_with(name, local, std::locale::classic());
}

NameAnswer answer_of_library(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &first) != 0) return {{}, NameError::not_found, {}};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> found(first, &::freeaddrinfo);
  NameAnswer answer{{}, {}, library_good_for};
  for (const auto* node = found.get(); node != nullptr; node = node->ai_next) {
    tcp::endpoint endpoint;
    if (node->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), node->ai_addr, node->ai_addrlen);
    answer.addresses.push_back(io::from_asio(endpoint.address()));
  }
  if (answer.addresses.empty()) answer.error = NameError::no_address;
  return answer;
}

}  // namespace

SystemNames::SystemNames(asio::io_context& context, Settings settings)
    : context_(context), settings_(std::move(settings)), library_(context) {
  read_files();
}

bool SystemNames::has_changed() {
  const bool same =
      resolv_conf_ == io::FileVersion(settings_.resolv_conf) && nsswitch_ == io::FileVersion(settings_.nsswitch);
  if (same) return false;
  if (channel_->pending() > 0) retired_.push_back(channel_);
  read_files();
  return true;
}

void SystemNames::read_files() {
  resolv_conf_ = io::FileVersion(settings_.resolv_conf);
  nsswitch_ = io::FileVersion(settings_.nsswitch);
  const auto services = core::host_services(io::file_contents(settings_.nsswitch));
  has_mdns_ = std::ranges::any_of(services, is_mdns);
  has_others_ = !std::ranges::all_of(services, is_of_cares);
  channel_ = std::make_shared<CaresChannel>(context_, CaresChannel::Settings{settings_.resolv_conf, settings_.servers});
}

bool SystemNames::is_of_mdns(const std::string& name) const { return has_mdns_ && ends_in_local(name); }

void SystemNames::ask(const std::string& name, Done done) {
  if (is_of_mdns(name)) return ask_library(name, std::move(done));
  channel_->ask(name, [this, name, done = std::move(done)](NameAnswer answer) {
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
  library_.run([name, answer] { *answer = answer_of_library(name); },
               [answer, done = std::move(done)] { done(std::move(*answer)); });
}

}  // namespace tfunnel::proxy
