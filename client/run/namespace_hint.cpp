#include "client/run/namespace_hint.hpp"

#include <cerrno>
#include <cstring>

namespace tfunnel::client {

namespace {

std::string setting(const std::string& because, const std::string& assignment) {
  return "\n" + because + ". To permit it, until the next start of the machine:\n  sudo sysctl -w " + assignment;
}

std::string quoted(const std::string& path) { return "'" + path + "'"; }

std::string apparmor(const NamespaceFacts& facts) {
  return setting("AppArmor takes all rights from user namespaces here (kernel.apparmor_restrict_unprivileged_userns=1)",
                 "kernel.apparmor_restrict_unprivileged_userns=0") +
         "\nor, for this program alone and for good, as /etc/apparmor.d/tfunnel:\n"
         "  abi <abi/4.0>,\n  include <tunables/global>\n  profile tfunnel " +
         facts.program +
         " flags=(unconfined) { userns, }\nand then:\n  sudo apparmor_parser -r /etc/apparmor.d/tfunnel";
}

// CAP_SYS_ADMIN lifts what forbids namespaces to ordinary users, but not a limit of their number.
std::string capability(const NamespaceFacts& facts) {
  return "\nor, for this program alone (it gives the capability up as soon as the namespace exists):\n"
         "  sudo setcap cap_sys_admin=ep " +
         quoted(facts.program);
}

std::string container() {
  return "\nThis looks like a container, whose seccomp or AppArmor profile decides: start it with, for example,\n"
         "  docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined ...\n"
         "  podman run --security-opt seccomp=unconfined --security-opt label=disable ...";
}

bool is(const std::optional<long>& value, long wanted) { return value && *value == wanted; }

}  // namespace

std::string explain_refusal(const std::string& what, int error, const NamespaceFacts& facts) {
  std::string text = "the system refuses " + what + ": " + std::strerror(error);
  if (is(facts.max_user_namespaces, 0) || error == ENOSPC || error == EUSERS) {
    const auto now = facts.max_user_namespaces ? std::to_string(*facts.max_user_namespaces) : std::string("the limit");
    return text + setting("There may be no more user namespaces (user.max_user_namespaces is " + now + ")",
                          "user.max_user_namespaces=10000");
  }
  if (error == EINVAL || error == ENOSYS) return text + "\nThis kernel has no user namespaces (CONFIG_USER_NS).";
  if (is(facts.unprivileged_userns_clone, 0)) {
    return text +
           setting("Only root may make user namespaces here (kernel.unprivileged_userns_clone=0)",
                   "kernel.unprivileged_userns_clone=1") +
           capability(facts);
  }
  if (is(facts.apparmor_restrict_unprivileged_userns, 1)) return text + apparmor(facts) + capability(facts);
  if (facts.in_container) return text + container();
  return text + "\nA security module or seccomp filter may forbid it. As root it may be permitted" + capability(facts);
}

}  // namespace tfunnel::client
