// A process that we start must hold none of our descriptors, on old kernels too.
#include "client/process/close_descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace tfunnel::client {
namespace {

/// From here on close_range(2) is what it is before Linux 5.9, for this process alone. False: it cannot be had.
bool forget_close_range() {
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

constexpr int all_right = 0;
constexpr int not_closed = 1;
constexpr int impossible = 2;

/// Opens a few descriptors and closes all but the first ones; in a process of its own.
int close_in_child(bool old_kernel) {
  const auto pid = ::fork();
  if (pid == 0) {
    if (old_kernel && !forget_close_range()) ::_exit(impossible);
    constexpr int kept = 20;
    constexpr int low = 21;
    constexpr int high = 200;
    for (const int number : {kept, low, high}) ::dup2(STDIN_FILENO, number);
    close_descriptors(low);
    const bool good = is_open(STDIN_FILENO) && is_open(kept) && !is_open(low) && !is_open(high);
    ::_exit(good ? all_right : not_closed);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : not_closed;
}

TEST(CloseDescriptors, NothingFromThereOnStaysOpen) { EXPECT_EQ(close_in_child(false), all_right); }

TEST(CloseDescriptors, NothingStaysOpenWithoutCloseRange) {
  const int how = close_in_child(true);
  if (how == impossible) GTEST_SKIP() << "no system call can be filtered here";
  EXPECT_EQ(how, all_right);
}

}  // namespace
}  // namespace tfunnel::client
