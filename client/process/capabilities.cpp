#include "client/process/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace tfunnel::client {

namespace {

// capset(2) is called directly: libcap would be one more library for every start of the program.
void keep_capabilities(std::uint32_t set) {
  if (::geteuid() == 0) return;
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3]{};
  kept[0] = {set, set, 0};
  ::syscall(SYS_capset, &header, kept);
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

}  // namespace

void drop_capabilities() { keep_capabilities(0); }

void drop_capabilities_but_mounting() { keep_capabilities(1U << CAP_SYS_ADMIN); }

}  // namespace tfunnel::client
