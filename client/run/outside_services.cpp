#include "client/run/outside_services.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "client/run/paths.hpp"

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

// /var/run is a link to /run, or else the place itself. Ours tell of other tunnels. By systemd's private sockets root,
// and each user, has services started without a bus.
constexpr const char* of_system[] = {
    "dbus",   "docker.sock",  "podman",  "containerd",      "buildkit",
    "crio",   "snapd.socket", "libvirt", "systemd/private", "systemd/io.systemd.Manager",
    "tfunnel"};
constexpr const char* elsewhere[] = {"/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket",
                                     "/var/lib/incus/unix.socket"};
constexpr const char* of_user[] = {"docker.sock", "podman",          "containerd-rootless",        "buildkit",
                                   "libvirt",     "systemd/private", "systemd/io.systemd.Manager", "tfunnel"};

// As it is meant, whether or not it exists.
fs::path resolved(const std::string& path) {
  std::error_code error;
  auto real = fs::weakly_canonical(path, error);
  return error ? fs::path(path).lexically_normal() : real;
}

}  // namespace

std::string own_runtime_directory() {
  const auto* directory = std::getenv("XDG_RUNTIME_DIR");
  return directory == nullptr ? "" : directory;
}

std::vector<std::string> outside_services(const std::string& runtime_directory, const std::vector<std::string>& shown) {
  std::vector<std::string> all;
  for (const auto* directory : {"/run/", "/var/run/"}) {
    for (const auto* name : of_system) all.push_back(std::string(directory) + name);
  }
  all.insert(all.end(), std::begin(elsewhere), std::end(elsewhere));
  // The usual one in any case: a program finds it whatever the variable says.
  const std::set<std::string> directories{"/run/user/" + std::to_string(::geteuid()), runtime_directory};
  for (const auto& directory : directories) {
    if (directory.empty()) continue;
    for (const auto* name : of_user) all.push_back((fs::path(directory) / name).string());
  }
  for (const auto& path : shown) {
    const auto kept = resolved(path);
    std::erase_if(all, [&](const auto& service) {
      const auto real = resolved(service);
      return lies_at_or_in(real, kept) || lies_at_or_in(kept, real);
    });
  }
  return all;
}

}  // namespace tfunnel::client
