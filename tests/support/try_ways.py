"""Tries, inside `tfunnel run`, what a hostile program would. Prints a line for each: its name, and "done" or the error.

Arguments: the kind of ways; a directory to write to, a socket that is hidden, a network namespace's file, a process outside.
"""

import ctypes
import errno
import os
import signal
import socket
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
SYSTEM_CALL = LIBC.syscall
SYSTEM_CALL.restype = ctypes.c_long

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 1, 32, 4096, 8192, 16384, 1 << 18
MNT_DETACH = 2
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
OPEN_TREE, OPEN_TREE_CLONE, AT_FDCWD = 428, 1, -100
RESOLV = b"/etc/resolv.conf"
NAMESERVER = "198.18.0.53"
# By their x86-64 numbers; elsewhere the tests leave them out.
X86_64 = os.uname().machine == "x86_64"


def attempt(name, call):
    try:
        result = call()
        print(name, "done" if result is None or result >= 0 else errno.errorcode[ctypes.get_errno()], flush=True)
    except OSError as problem:
        print(name, errno.errorcode[problem.errno], flush=True)


def command(*words):
    def call():
        done = subprocess.run(words, capture_output=True, check=False)
        if done.returncode != 0:
            raise PermissionError(errno.EPERM, done.stderr)

    return call


def mount(source, target, kind=None, flags=0, data=None):
    return lambda: LIBC.mount(source, target, kind, ctypes.c_ulong(flags), data)


def is_ours(path="/etc/resolv.conf"):
    try:
        with open(path, encoding="ascii") as file:
            return NAMESERVER in file.read()
    except OSError:
        return True  # nobody else's, either


def look(name, path):
    """Whether the socket can be reached by that path, which may be longer than an address."""
    before = os.getcwd()

    def connect():
        os.chdir(os.path.dirname(path))
        made.connect(os.path.basename(path))

    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(1)
        attempt(name, connect)
    os.chdir(before)


def pass_capabilities_on():
    """To what is executed from here on."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    LIBC.capget(header, sets)
    sets[2], sets[5] = sets[1], sets[4]
    LIBC.capset(header, sets)
    for capability in range(41):
        LIBC.prctl(47, 2, capability, 0, 0)  # PR_CAP_AMBIENT_RAISE


def try_mounts(prefix, directory, hidden):
    place = os.path.join(directory, prefix + "place")
    at, real = place.encode(), os.path.dirname(hidden)
    for path in (RESOLV, hidden.encode(), b"/proc"):
        attempt(f"{prefix}unmount {path.decode()}", lambda path=path: LIBC.umount2(path, MNT_DETACH))
        attempt(f"{prefix}remount {path.decode()}", mount(None, path, None, MS_REMOUNT | MS_BIND))
        attempt(f"{prefix}move {path.decode()}", mount(path, at, None, MS_MOVE))
    for source in (real, "/", "/etc"):
        attempt(f"{prefix}bind {source}", mount(source.encode(), at, None, MS_BIND))
        look(f"{prefix}below-{source}", place + (hidden[len(real):] if source == real else hidden))
        LIBC.umount2(at, MNT_DETACH)
        attempt(f"{prefix}copy {source}", lambda source=source: SYSTEM_CALL(OPEN_TREE, AT_FDCWD, source.encode(), OPEN_TREE_CLONE))
    attempt(f"{prefix}overlay", mount(b"o", at, b"overlay", 0, f"lowerdir={real}:/usr".encode()))
    look(f"{prefix}below-overlay", place + hidden[len(real):])
    look(f"{prefix}hidden", hidden)
    print(f"{prefix}resolver", "EROFS" if is_ours() else "done", flush=True)


def try_mounts_in_a_namespace(directory, hidden):
    if os.fork() == 0:
        if LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
            print("no-nested-namespace", errno.errorcode[ctypes.get_errno()], flush=True)
        else:
            LIBC.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None)
            try_mounts("nested-", directory, hidden)
        os._exit(0)
    os.wait()


def try_network(namespace):
    for words in ("nft flush ruleset", "nft add table inet mine", "ip link set lo down", "ip link add mine type dummy",
                  "ip addr add 192.0.2.77/32 dev lo", "ip addr flush dev lo", "ip route add blackhole 192.0.2.78",
                  "ip route del default", "ip -6 route del default", "ip rule add priority 1 lookup main",
                  "ip xfrm state flush", "ip tuntap add mine mode tun", "ip link set lo netns 1",
                  "unshare -U -r -n ip link add mine0 type veth peer name mine1 netns 1"):
        attempt("network " + words, command(*words.split()))
    attempt("network of-outside", lambda: LIBC.setns(os.open(namespace, os.O_RDONLY), CLONE_NEWNET))
    for name, level, option in (("mark", socket.SOL_SOCKET, 36), ("transparent", socket.SOL_IP, 19),
                                ("force-buffer", socket.SOL_SOCKET, 33)):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        attempt("network option-" + name, lambda: made.setsockopt(level, option, 1))
    for protocol in (1, 17, 255):
        attempt(f"network raw-{protocol}", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol).sendto(bytes(64), ("192.0.2.1", 0)))


def try_settings(directory):
    names = [f"/proc/sys/{area}/{name}" for area in ("kernel", "vm", "fs") for name in os.listdir("/proc/sys/" + area)]
    names.remove("/proc/sys/kernel/ns_last_pid")  # of the pid namespace
    names += ["/proc/sysrq-trigger", "/proc/sys/fs/binfmt_misc/register", "/sys/kernel/uevent_helper",
              "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/release_agent", "/sys/power/state"]
    for name in names:
        if os.path.isfile(name):
            attempt("setting " + name, lambda: os.open(name, os.O_WRONLY))
    place = os.path.join(directory, "proc").encode()
    os.makedirs(place, exist_ok=True)
    attempt("setting fresh-proc", mount(b"proc", place, b"proc"))
    attempt("setting fresh-sysfs", mount(b"sysfs", place, b"sysfs"))


def try_kernel(directory):
    device = os.path.join(directory, "device")
    attempt("kernel device-node", lambda: os.mknod(device, 0o60600, os.makedev(7, 0)))
    attempt("kernel memory", lambda: os.open("/dev/mem", os.O_RDWR))
    attempt("kernel host-name", lambda: LIBC.sethostname(b"mine", 4))
    attempt("kernel clock", lambda: LIBC.settimeofday((ctypes.c_long * 2)(1, 0), None))
    attempt("kernel accounting", lambda: LIBC.acct(device.encode()))
    attempt("kernel log", lambda: LIBC.klogctl(5, None, 0))
    attempt("kernel swap", lambda: LIBC.swapoff(b"/no/such/file"))
    if X86_64:
        attempt("kernel module", lambda: SYSTEM_CALL(175, b"", 0, b""))
        attempt("kernel kexec", lambda: SYSTEM_CALL(246, 0, 0, None, 0))
        attempt("kernel reboot", lambda: SYSTEM_CALL(169, 0xFEE1DEAD, 672274793, 0, None))  # Ctrl-Alt-Del off
        attempt("kernel bpf", lambda: SYSTEM_CALL(321, 11, bytes(16), 16))  # BPF_PROG_GET_NEXT_ID
        attempt("kernel ports", lambda: SYSTEM_CALL(172, 3))  # iopl


def try_processes(outside):
    attempt("process signal-outside", lambda: os.kill(outside, signal.SIGTERM))
    attempt("process open-outside", lambda: os.pidfd_open(outside))
    attempt("process limits-outside", lambda: len(os.listdir(f"/proc/{outside}/ns")))
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGSEGV):
        os.kill(1, number)  # which it never hears of
    for name in ("user", "mnt", "net", "pid"):
        attempt("process namespace-" + name, lambda: LIBC.setns(os.open("/proc/1/ns/" + name, os.O_RDONLY), 0))


def main(kind, directory, hidden, namespace, outside):
    pass_capabilities_on()
    if kind == "mounts":
        for name in ("place", "nested-place"):
            os.mkdir(os.path.join(directory, name))
        try_mounts("", directory, hidden)
        try_mounts_in_a_namespace(directory, hidden)
    elif kind == "network":
        try_network(namespace)
    elif kind == "settings":
        try_settings(directory)
    elif kind == "kernel":
        try_kernel(directory)
    else:
        try_processes(int(outside))
    print("end done")


if __name__ == "__main__":
    main(*sys.argv[1:])
