#include "client/run/system_call_filter.hpp"

#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <utility>

namespace tfunnel::client {

namespace {

constexpr int permitted_families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
constexpr int beyond_families = AF_NETLINK + 1;
// The kernel reads 32 bits of them, whatever stands in the upper half of the register.
constexpr scmp_datum_t as_kernel_reads = 0xffffffff;
// tty_ioctl(4); a virtual console pastes by it what its mouse has selected.
#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

void check(int result) {
  if (result < 0)
    throw boost::system::system_error(-result, boost::system::system_category(), "a filter of system calls");
}

// One for each call is added to all architectures; those that have no such call leave it out.
void refuse(scmp_filter_ctx context, int error, int call) {
  check(seccomp_rule_add(context, SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), call, 0));
}

void refuse(scmp_filter_ctx context, int error, int call, scmp_arg_cmp condition) {
  check(seccomp_rule_add(context, SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), call, 1, condition));
}

// Family by family: there is no rule for "none of these". A 32-bit program's socketcall(2) has the family in its
// memory, where no filter may look, so by that no socket is made at all.
void refuse_other_families(scmp_filter_ctx context) {
  for (const int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)}) {
    for (int family = 0; family < beyond_families; ++family) {
      if (std::ranges::find(permitted_families, family) != std::end(permitted_families)) continue;
      refuse(context, EAFNOSUPPORT, call, SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
    }
    refuse(context, EAFNOSUPPORT, call, SCMP_A0(SCMP_CMP_GE, beyond_families));
  }
}

// Programs for the 32-bit sister of this machine run as well; those of any other kind meet no system call.
void add_architectures(scmp_filter_ctx context) {
  constexpr std::pair<std::uint32_t, std::uint32_t> sisters[] = {{SCMP_ARCH_X86_64, SCMP_ARCH_X86},
                                                                 {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM}};
  for (const auto& [native, sister] : sisters) {
    if (seccomp_arch_native() == native) check(seccomp_arch_add(context, sister));
  }
  check(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)));
}

}  // namespace

void SystemCallFilter::Release::operator()(void* context) const { seccomp_release(context); }

SystemCallFilter::SystemCallFilter() : context_(seccomp_init(SCMP_ACT_ALLOW)) {
  auto* const context = context_.get();
  check(context == nullptr ? -ENOMEM : 0);
  check(seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0));
  check(seccomp_attr_set(context, SCMP_FLTATR_API_SYSRAWRC, 1));
  add_architectures(context);
  refuse_other_families(context);
  for (const int call : {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
                         SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl)}) {
    refuse(context, ENOSYS, call);
  }
  for (const scmp_datum_t request : {TIOCSTI, TIOCLINUX}) {
    refuse(context, EPERM, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, as_kernel_reads, request));
  }
}

error_code SystemCallFilter::load() const {
  const int result = seccomp_load(context_.get());
  return {-result, boost::system::system_category()};
}

}  // namespace tfunnel::client
