#include "client/run/capabilities.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tfunnel::client {

// capset(2) is called directly: libcap would be one more library for every start of the program.
void drop_capabilities() {
  if (::geteuid() == 0) return;
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  ::syscall(SYS_capset, &header, none);
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

}  // namespace tfunnel::client
