// Whether a destination may be reached, and what it is called on either side.
#pragma once

#include <set>
#include <string_view>
#include <utility>

#include "proxy/access/access_rules.hpp"
#include "proxy/access/far_loopback.hpp"

namespace tfunnel::proxy {

/// Every destination passes here before anything is done for it. Pure: decides, and touches no socket. admit() is
/// virtual so that a test can count the questions.
class Gate {
 public:
  /// Lets everything pass that no rule is needed for.
  Gate() = default;
  /// `resolver`: the addresses at whose port 53 this program itself answers.
  Gate(AccessRules rules, const FarLoopback& loopback, std::set<core::Address> resolver = {})
      : rules_(std::move(rules)), loopback_(loopback), resolver_(std::move(resolver)) {}
  Gate(const Gate&) = default;
  Gate& operator=(const Gate&) = default;
  virtual ~Gate() = default;

  struct Admission {
    bool allowed = false;
    std::string why;           // if it is not allowed, for the log
    core::Endpoint endpoint;   // where to go
    bool to_loopback = false;  // on this host itself, so never through an upstream proxy
  };
  /// `destination` is the one that the application asked for.
  [[nodiscard]] virtual Admission admit(const core::Endpoint& destination) const;

  /// Decides whether an upstream may be asked for `name`, whose address was admitted: an upstream looks it up itself,
  /// and anybody chooses the names in a flow's first bytes or in a DNS answer.
  [[nodiscard]] AccessRules::Decision admit_name(std::string_view name, std::uint16_t port) const {
    return rules_.decide(name, port);
  }

  /// The endpoint by which the application knows a datagram's sender; none if it may not hear from it.
  [[nodiscard]] std::optional<core::Endpoint> shown(const core::Endpoint& sender) const;

 private:
  AccessRules rules_;
  FarLoopback loopback_;
  std::set<core::Address> resolver_;
};

}  // namespace tfunnel::proxy
