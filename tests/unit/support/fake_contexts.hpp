// Security contexts that do what a test says.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "proxy/auth/security_context.hpp"

namespace tfunnel::test {

/// Must outlive the contexts. Nothing of this may be read while a step may be at work.
class FakeContexts {
 public:
  using Step = proxy::SecurityContext::Step;

  /// The steps of each context to come.
  void script(proxy::Mechanism mechanism, std::deque<Step> steps) { scripts_[mechanism] = std::move(steps); }

  proxy::MakeSecurityContext maker() {
    return [this](proxy::Mechanism mechanism, const std::string& host, const auto& /*credentials*/) {
      host_ = host;
      return std::make_shared<Fake>(*this, scripts_[mechanism]);
    };
  }

  [[nodiscard]] const std::string& host() const { return host_; }
  /// The proxy's tokens, and an empty one for each first step.
  [[nodiscard]] const std::vector<std::string>& received() const { return received_; }

 private:
  class Fake final : public proxy::SecurityContext {
   public:
    Fake(FakeContexts& owner, std::deque<Step> steps) : owner_(owner), steps_(std::move(steps)) {}
    Step step(const std::string& received) override {
      owner_.received_.push_back(received);
      if (steps_.empty()) return {{}, "not in the script"};
      const auto made = steps_.front();
      steps_.pop_front();
      return made;
    }

   private:
    FakeContexts& owner_;
    std::deque<Step> steps_;
  };

  std::map<proxy::Mechanism, std::deque<Step>> scripts_;
  std::string host_;
  std::vector<std::string> received_;
};

}  // namespace tfunnel::test
