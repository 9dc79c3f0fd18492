// The links' commands as a control group, by which rules know them.
#pragma once

#include <optional>
#include <string>

#include "client/rules/system_rules.hpp"

namespace tfunnel::client {

/// This process and all that it starts from now on, in a group of version 2 (cgroups(7)) below the one that it was in.
/// Whatever they connect to, and whichever names they look up, can so be told from everything else. Others of us, in
/// other network namespaces, may share it.
class LinkControlGroup {
 public:
  /// Nothing if this process may make no groups, or the system has none where nftables looks for them.
  static std::optional<LinkControlGroup> enter();
  LinkControlGroup(LinkControlGroup&& other) noexcept;
  LinkControlGroup(const LinkControlGroup&) = delete;
  LinkControlGroup& operator=(const LinkControlGroup&) = delete;
  /// Goes back, and removes it if nobody is left in it.
  ~LinkControlGroup();
  /// Removes what a killed one has left, if this process is where that one was.
  static void remove_left();

  [[nodiscard]] const ControlGroup& name() const { return name_; }

 private:
  struct Place;
  static std::optional<Place> place();
  LinkControlGroup(std::string parent, ControlGroup name) : parent_(std::move(parent)), name_(std::move(name)) {}

  std::string parent_;  // its directory; empty: moved from
  ControlGroup name_;
};

}  // namespace tfunnel::client
