#include "client/run/locked_namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

bool say(const io::Descriptor& to, int error) { return ::write(to.get(), &error, sizeof error) == sizeof error; }

/// EPIPE: the other one has ended.
int hear(const io::Descriptor& from) {
  int error = EPIPE;
  return ::read(from.get(), &error, sizeof error) == sizeof error ? error : EPIPE;
}

}  // namespace

LockedNamespace::LockedNamespace()
    : talk_(open_socket_pair()), proc_(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!proc_.is_open()) throw boost::system::system_error(io::last_error(), "/proc");
}

std::optional<int> LockedNamespace::enter() {
  talk_.read.close();
  const int error = ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 ? 0 : errno;
  const bool said = say(talk_.write, error);
  if (error != 0) return error;
  return said && hear(talk_.write) == 0 ? std::optional(0) : std::nullopt;
}

void LockedNamespace::admit(pid_t child, const IdMaps& ids) {
  talk_.write.close();
  if (hear(talk_.read) != 0) return;
  const auto directory = std::to_string(child) + '/';
  const bool done = write_id_map(proc_.get(), directory + "uid_map", ids.users) &&
                    write_id_map(proc_.get(), directory + "gid_map", ids.groups);
  say(talk_.read, done ? 0 : errno);
}

}  // namespace tfunnel::client
