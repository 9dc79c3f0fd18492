// Sockets, clock and numbers shared by all commands of the traffic tool.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace traffic {

using bytes = std::span<std::uint8_t>;
using const_bytes = std::span<const std::uint8_t>;

class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept;
  ~unique_fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

struct endpoint {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  [[nodiscard]] int family() const { return storage.ss_family; }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

// Numeric addresses only: the tool must never depend on a resolver.
endpoint make_endpoint(const std::string& address, std::uint16_t port);
std::string to_string(const endpoint& where);

// Each throws std::system_error.
unique_fd listen_tcp(const endpoint& where);
unique_fd bind_udp(const endpoint& where);
unique_fd start_connect(const endpoint& to, const std::string& from = {});
unique_fd connect_tcp(const endpoint& to, const std::string& from = {});
unique_fd connect_udp(const endpoint& to, const std::string& from = {});

void set_option(int fd, int level, int name, int value);
void reset_on_close(int fd);
int pending_error(int fd);
bool wait_readable(int fd, int timeout_ms);
bool send_all(int fd, const_bytes data);
bool receive_all(int fd, bytes data);

void raise_descriptor_limit();
std::int64_t now_us();
inline double seconds_since(std::int64_t start_us) { return double(now_us() - start_us) / 1e6; }
std::string errno_name(int error);

// A percentile of unsorted values (sorts them); 0 for none.
double percentile(std::vector<double>& values, double fraction);

// One line of JSON on stdout: the whole result of a command.
class json_line {
 public:
  json_line& add(std::string_view key, std::uint64_t value);
  json_line& add(std::string_view key, std::int64_t value);
  json_line& add(std::string_view key, int value) { return add(key, std::int64_t{value}); }
  json_line& add(std::string_view key, double value);
  json_line& add(std::string_view key, bool value);
  json_line& add(std::string_view key, const std::string& value);
  void print() const;

 private:
  json_line& raw(std::string_view key, std::string_view value);
  std::string text_;
};

}  // namespace traffic
