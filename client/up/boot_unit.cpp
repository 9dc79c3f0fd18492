#include "client/up/boot_unit.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "client/process/process_stat.hpp"
#include "client/up/control_groups.hpp"
#include "common/io/descriptor.hpp"
#include "common/io/errors.hpp"
#include "common/io/text_file.hpp"

namespace tfunnel::client {

namespace {

namespace fs = std::filesystem;

const std::string unit_name = "tfunnel-closed.service";
const std::string owner_label = "X-Tfunnel-Owner=";
const std::string directory_label = "X-Tfunnel-Made-Directory=yes";

std::string with_ports(const core::Network& network, std::uint16_t first, std::uint16_t last) {
  const auto text = network.first.text() + "/" + std::to_string(network.prefix());
  if (first == 0) return text;
  const auto ports = std::to_string(first) + (last != first ? "-" + std::to_string(last) : "");
  return (network.first.is_v4() ? text : "[" + text + "]") + ":" + ports;
}

std::string text_of(const IdRange& range) { return std::to_string(range.first) + "-" + std::to_string(range.last); }

/// As in systemd.service(5): quotes, and what it would fill in.
std::string quoted(const std::string& word) {
  std::string text = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '%' || c == '$') text += c;
    text += c;
  }
  return text + "\"";
}

std::string number_of(const fs::path& space) {
  struct stat status {};
  return ::stat(space.c_str(), &status) == 0 ? std::to_string(status.st_ino) : "0";
}

/// Is there a network namespace of this number that somebody is in, or that has a name (ip-netns(8))?
bool is_network(const std::string& number) {
  bool found = false;
  for_each_process([&](pid_t, const fs::path& process) { found = found || number_of(process / "ns/net") == number; });
  std::error_code none;
  for (fs::directory_iterator at("/run/netns", none), end; !none && at != end; at.increment(none)) {
    found = found || number_of(at->path()) == number;
  }
  return found;
}

error_code write_whole(const fs::path& path, const std::string& text) {
  const io::Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.is_open()) return io::last_error();
  const auto size = ::write(file.get(), text.data(), text.size());
  if (size < 0) return io::last_error();
  if (static_cast<std::size_t>(size) != text.size()) return make_error_code(boost::system::errc::no_space_on_device);
  return ::fsync(file.get()) == 0 ? error_code() : io::last_error();
}

// Where nothing may be written, what is not there is no error all the same.
error_code unlinked(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(path, ignored))) return {};
  return ::unlink(path.c_str()) == 0 || errno == ENOENT ? error_code() : io::last_error();
}

/// The machine may lose its power right afterwards.
error_code make_sure(const fs::path& directory) {
  const io::Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.is_open() && ::fsync(opened.get()) == 0 ? error_code() : io::last_error();
}

}  // namespace

std::vector<std::string> closing_words(const SystemTerms& terms) {
  std::vector<std::string> words;
  const auto add = [&](const std::string& option, const std::string& value) {
    words.push_back("--" + option + "=" + value);
  };
  for (const auto& [is_tcp, to] : terms.link) {
    const auto host = to.address.text();
    if (is_tcp) add("link", to.port != 0 ? to.text() : to.address.is_v4() ? host : "[" + host + "]");
  }
  for (const auto* networks : {&terms.direct.v4, &terms.direct.v6}) {
    for (const auto& network : *networks) add("exclude", with_ports(network, 0, 0));
  }
  for (const auto& [network, first, last] : terms.excluded) add("exclude", with_ports(network, first, last));
  for (const auto& [network, first, last] : terms.included) add("include", with_ports(network, first, last));
  for (const auto& range : terms.selection.users) add("uid", text_of(range));
  for (const auto& range : terms.selection.groups) add("gid", text_of(range));
  for (const auto& group : terms.selection.control_groups) add("cgroup", directory_of(group).string());
  for (const auto& name : terms.selection.interfaces) add("interface", name);
  for (const auto& server : {terms.dns.v4, terms.dns.v6}) {
    if (server) add("dns", server->text());
  }
  if (!terms.dns.redirects()) add("dns", "keep");
  if (terms.lan_denied) add("lan", "deny");
  if (terms.forward) words.emplace_back("--forward");
  if (terms.allow_icmp) words.emplace_back("--allow-icmp");
  add("capture-port", std::to_string(terms.capture_port));
  add("own-mark", mark_text(terms.marks.own));
  add("capture-mark", mark_text(terms.marks.captured));
  add("passed-mark", mark_text(terms.marks.passed));
  return words;
}

std::string boot_unit_text(const std::vector<std::string>& command, const std::string& owner, bool made_directory) {
  std::string line;
  for (const auto& word : command) line += (line.empty() ? "" : " ") + quoted(word);
  return "# Made by tfunnel up --kill-switch persist; tfunnel down removes it.\n"
         "[Unit]\n"
         "Description=Nothing leaves past the tunnel before tfunnel up\n"
         "DefaultDependencies=no\n"
         "After=local-fs.target systemd-modules-load.service\n"
         "Before=network-pre.target shutdown.target\n"
         "Wants=network-pre.target\n"
         "Conflicts=shutdown.target\n" +
         owner_label + owner + "\n" + (made_directory ? directory_label + "\n" : "") +
         "\n[Service]\n"
         "Type=oneshot\n"
         "RemainAfterExit=yes\n"
         "ExecStart=" +
         line +
         "\n\n[Install]\n"
         "WantedBy=sysinit.target\n";
}

fs::path BootUnit::directory() const { return root_ / "etc/systemd/system"; }
fs::path BootUnit::unit() const { return directory() / unit_name; }
fs::path BootUnit::unfinished() const { return directory() / (unit_name + ".new"); }
fs::path BootUnit::wanted() const { return directory() / "sysinit.target.wants" / unit_name; }

bool BootUnit::is_of_use() const {
  std::error_code error;
  const bool is_installed = fs::exists(root_ / "lib/systemd/systemd", error);
  return (is_installed || fs::is_directory(root_ / "run/systemd/system", error)) &&
         fs::is_directory(directory(), error);
}

// The numbers of namespaces begin anew with the machine.
std::string BootUnit::owner() const {
  return io::first_line("/proc/sys/kernel/random/boot_id") + ":" + number_of("/proc/self/ns/net");
}

bool BootUnit::is_others() const {
  const auto text = io::file_contents(unit().string());
  const auto at = text.find("\n" + owner_label);
  if (at == std::string::npos) return false;
  const auto begin = at + 1 + owner_label.size();
  const auto theirs = text.substr(begin, text.find('\n', begin) - begin);
  const auto ours = owner();
  const auto of_this_start = ours.substr(0, ours.find(':') + 1);
  return theirs.starts_with(of_this_start) && theirs != ours && is_network(theirs.substr(of_this_start.size()));
}

// The unit comes first, since remove() learns from it what else there is; without the link nobody wants it.
error_code BootUnit::install(const std::vector<std::string>& command) const {
  if (is_others()) return make_error_code(boost::system::errc::file_exists);
  const auto stands = io::file_contents(unit().string());
  std::error_code ignored;
  const auto wants = wanted().parent_path();
  const bool made = stands.empty() ? !fs::exists(wants, ignored) : stands.find(directory_label) != std::string::npos;
  const auto text = boot_unit_text(command, owner(), made);
  if (text != stands) {
    if (const auto error = write_whole(unfinished(), text)) return error;
    if (::rename(unfinished().c_str(), unit().c_str()) != 0) return io::last_error();
  }
  if (::mkdir(wants.c_str(), 0755) != 0 && errno != EEXIST) return io::last_error();
  if (::symlink(unit().c_str(), wanted().c_str()) != 0 && errno != EEXIST) return io::last_error();
  if (const auto error = make_sure(wants)) return error;
  return make_sure(directory());
}

// The other way round.
error_code BootUnit::remove() const {
  if (is_others()) return {};
  if (const auto error = unlinked(unfinished())) return error;
  const auto stands = io::file_contents(unit().string());
  if (stands.empty()) return {};
  if (const auto error = unlinked(wanted())) return error;
  if (stands.find(directory_label) != std::string::npos) ::rmdir(wanted().parent_path().c_str());
  return unlinked(unit());
}

bool BootUnit::is_there() const {
  std::error_code ignored;
  return !is_others() && (fs::exists(unit(), ignored) || fs::exists(unfinished(), ignored));
}

std::optional<std::string> install_boot_unit(const SystemTerms& terms) {
  const BootUnit unit;
  if (!unit.is_of_use()) return "there is no systemd";
  std::error_code unknown;
  const auto program = fs::read_symlink("/proc/self/exe", unknown);
  if (unknown) return unknown.message();
  auto command = closing_words(terms);
  command.insert(command.begin(), {program.string(), "up", "--close-only"});
  const auto error = unit.install(command);
  if (error == boost::system::errc::file_exists) return "another network namespace has a unit for that";
  return error ? std::optional(unit_name + ": " + error.message()) : std::nullopt;
}

}  // namespace tfunnel::client
