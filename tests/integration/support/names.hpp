// Names for tests, which no resolver of this host knows.
#pragma once

#include <boost/asio/post.hpp>

#include <map>
#include <string>
#include <vector>

#include "proxy/lookup/host_dialler.hpp"
#include "tests/unit/support/bytes.hpp"

namespace tfunnel::test {

/// Answers out of a list, and never keeps anything.
class ListedNames final : public proxy::NameSource {
 public:
  using List = std::map<std::string, std::vector<const char*>>;

  ListedNames(asio::io_context& context, List list) : context_(context), list_(std::move(list)) {}

  void ask(const std::string& name, Done done) override {
    proxy::NameAnswer answer;
    for (const auto* address : list_[name]) answer.addresses.push_back(endpoint(address, 0).address);
    if (answer.addresses.empty()) answer.error = proxy::NameError::not_found;
    asio::post(context_, [done = std::move(done), answer = std::move(answer)] { done(answer); });
  }
  void stop() override {}

 private:
  asio::io_context& context_;
  List list_;
};

inline std::shared_ptr<proxy::HostDialler> dialler_with(asio::io_context& context, ListedNames::List list) {
  return std::make_shared<proxy::HostDialler>(context, std::make_unique<ListedNames>(context, std::move(list)));
}

}  // namespace tfunnel::test
