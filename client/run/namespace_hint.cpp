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

// In a namespace of one's own one may call chroot(2), and so leave a root that is none of the mount namespace's.
std::string chroot(const NamespaceFacts& facts) {
  const std::string sure = facts.in_chroot
                               ? "This process is in a chroot"
                               : "As no setting and no seccomp filter forbids it, this seems to be a chroot";
  return "\n" + sure +
         ", where the kernel makes user namespaces for nobody, not for root either. Start it outside,\n"
         "or enter that system by a program that changes the root for good (pivot_root(2)): bwrap, systemd-nspawn.";
}

std::string no_proc() {
  return "\n/proc is not mounted here, and without it no ids can be given to a namespace:\n"
         "  sudo mount -t proc proc /proc";
}

std::string filter() {
  return "\nThis process runs under a seccomp filter, which seems to forbid it: that of the sandbox (flatpak, snap, "
         "firejail)\nor service (RestrictNamespaces= or SystemCallFilter= of systemd) in which it was started. Start "
         "it "
         "outside.";
}

std::string profile(const NamespaceFacts& facts) {
  return "\nThis process is confined by the AppArmor profile " + quoted(facts.apparmor_profile) +
         ", which seems to forbid it. What it denied:\n  sudo journalctl -k -g 'apparmor=\"DENIED\"'";
}

std::string selinux() {
  return "\nSELinux seems to forbid it. What it denied, and why:\n  sudo ausearch -m AVC -ts recent | audit2why";
}

std::string processes(const NamespaceFacts& facts) {
  if (facts.most_in_group) {
    return "\nThere may be no more processes in this control group (its pids.max is " +
           std::to_string(*facts.most_in_group) +
           "):\nthe limit of a service or session (TasksMax= of systemd), or of a container (--pids-limit).";
  }
  if (facts.most_processes) {
    return "\nThis user may have no more processes (the limit is " + std::to_string(*facts.most_processes) +
           ", see ulimit -u). End some, or raise the limit:\n"
           "ulimit -u, /etc/security/limits.conf, or LimitNPROC= of a systemd service.";
  }
  return "\nThe system has no room for more processes (kernel.pid_max, kernel.threads-max).";
}

std::string too_many(const NamespaceFacts& facts) {
  const auto& most = facts.most_namespaces ? facts.most_namespaces : facts.max_user_namespaces;
  const auto name = "user.max_" + facts.exhausted + "_namespaces";
  const auto now = most ? std::to_string(*most) : std::string("the limit");
  const std::string kind = facts.exhausted == "mnt" ? "mount" : facts.exhausted == "net" ? "network" : facts.exhausted;
  return setting("There may be no more " + kind + " namespaces (" + name + " is " + now + ")", name + "=10000");
}

/// EPERM or EACCES, by which the kernel and its security modules answer alike. Certain causes come first.
std::string forbidden(int error, const NamespaceFacts& facts) {
  const bool by_kernel = !facts.made && error == EPERM;
  if (facts.in_chroot && by_kernel) return chroot(facts);
  if (is(facts.unprivileged_userns_clone, 0) && !facts.made) {
    return setting("Only root may make user namespaces here (kernel.unprivileged_userns_clone=0)",
                   "kernel.unprivileged_userns_clone=1") +
           capability(facts);
  }
  if (is(facts.apparmor_restrict_unprivileged_userns, 1)) return apparmor(facts) + capability(facts);
  // A container's own profile and filter leave their traces, unless it is one that is not asked about this.
  const bool free = facts.filtered && !*facts.filtered && facts.apparmor_profile.empty();
  if (free && by_kernel) return chroot(facts);
  if (facts.in_container && !facts.selinux_enforces) return container();
  if (facts.filtered.value_or(false) && !facts.made) return facts.in_container ? container() : filter();
  if (!facts.apparmor_profile.empty()) return profile(facts);
  if (facts.selinux_enforces) return facts.in_container ? container() : selinux();
  return "\nA security module or seccomp filter may forbid it. As root it may be permitted" + capability(facts);
}

}  // namespace

std::string explain_refusal(const std::string& what, int error, const NamespaceFacts& facts) {
  std::string text = "the system refuses " + what + ": " + std::strerror(error);
  if (error == EAGAIN) return text + processes(facts);
  if (is(facts.max_user_namespaces, 0) || error == ENOSPC || error == EUSERS) return text + too_many(facts);
  if (error == EINVAL || error == ENOSYS) {
    if (facts.filtered.value_or(false)) return text + (facts.in_container ? container() : filter());
    return text + "\nThis kernel has no user namespaces (CONFIG_USER_NS).";
  }
  if (error == EPERM || error == EACCES) text += forbidden(error, facts);
  return facts.has_proc ? text : text + no_proc();
}

}  // namespace tfunnel::client
