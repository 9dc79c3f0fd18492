// Tries what a program in `tfunnel run` must not be able to ask the kernel for. Writes a line for each: what it was,
// and the error's number (0: it worked).
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say(const char* what, long result, int error) {
  printf("%s %d\n", what, result >= 0 ? 0 : error);
  fflush(stdout);
}

static void try_call(const char* what, long call, long a, long b, void* c) {
  const long result = syscall(call, a, b, c, 0, 0, 0);
  say(what, result, errno);
}

static void try_families(void) {
  for (int family = 0; family < 64; ++family) {
    const int made = socket(family, SOCK_DGRAM, 0);
    printf("family-%d %d\n", family, made >= 0 ? 0 : errno);
    if (made >= 0) close(made);
  }
}

#ifdef __x86_64__
// As a 32-bit program calls; answers are errors below zero.
static void try_i386(const char* what, long call, long a, long b, long c) {
  long result;
  __asm__ volatile("push %%rbx; mov %2, %%rbx; int $0x80; pop %%rbx"
                   : "=a"(result)
                   : "a"(call), "r"(a), "c"(b), "d"(c)
                   : "memory", "r8", "r9", "r10", "r11");
  say(what, result, (int)-result);
}

static void try_other_architectures(void) {
  char pushed = 'x';
  int* words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  words[0] = 40;
  words[1] = SOCK_STREAM;
  words[2] = 0;
  try_i386("i386-vsock", 359, 40, SOCK_STREAM, 0);
  try_i386("i386-socketcall-vsock", 102, 1, (long)words, 0);
  try_i386("i386-tiocsti", 54, 0, TIOCSTI, (long)words);
  try_i386("i386-keyctl", 288, 0, -3, 0);
  try_i386("i386-io-uring", 425, 1, 0, 0);
  const long x32 = 0x40000000;
  try_call("x32-vsock", x32 | SYS_socket, 40, SOCK_STREAM, NULL);
  try_call("x32-tiocsti", x32 | 514, 0, TIOCSTI, &pushed);
}
#else
static void try_other_architectures(void) {}
#endif

int main(void) {
  char pushed = 'x';
  char parameters[256] = {0};
  const long upper = 1L << 32;
  try_families();
  try_call("vsock-upper-half", SYS_socket, upper | 40, SOCK_STREAM, NULL);
  try_call("tiocsti", SYS_ioctl, STDIN_FILENO, TIOCSTI, &pushed);
  try_call("tiocsti-upper-half", SYS_ioctl, STDIN_FILENO, upper | TIOCSTI, &pushed);
  try_call("tioclinux", SYS_ioctl, STDIN_FILENO, 0x541C, &pushed);
  try_call("keyctl", SYS_keyctl, 0, -3, NULL);
  try_call("request-key", SYS_request_key, (long)"user", (long)"tfunnel-test", "ask");
  try_call("add-key", SYS_add_key, (long)"user", (long)"tfunnel-test", "value");
  try_call("io-uring", 425, 1, (long)parameters, NULL);
  try_other_architectures();
  return 0;
}
