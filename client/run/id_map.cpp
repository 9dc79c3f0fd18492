#include "client/run/id_map.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <sstream>

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

namespace {

std::string line(const std::string& id, const std::string& count) { return id + ' ' + id + ' ' + count + '\n'; }

}  // namespace

// A child's second column is counted in our ids, which are our first column.
std::string identity_map(std::string_view map) {
  std::istringstream text{std::string(map)};
  std::string all;
  std::string here;
  std::string above;
  std::string count;
  while (text >> here >> above >> count) all += line(here, count);
  return all;
}

std::string single_id_map(unsigned id) { return line(std::to_string(id), "1"); }

bool write_id_map(int directory, const std::string& path, const std::string& text) {
  const io::Descriptor file(::openat(directory, path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.is_open() && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

}  // namespace tfunnel::client
