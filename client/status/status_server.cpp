#include "client/status/status_server.hpp"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/write.hpp>
#include <cstdio>

#include "client/process/user_namespace.hpp"
#include "common/io/errors.hpp"

namespace tfunnel::client {

namespace {

using namespace std::chrono_literals;

constexpr auto between_answers = 100ms;
constexpr auto after_a_failure = 1s;
constexpr auto most_patience = 5s;
constexpr std::size_t most_readers = 8;
constexpr int most_waiting = 16;
// The directory may go with the last of others just when it was found.
constexpr int most_tries = 5;

std::string new_name(const std::string& command) {
  std::uint32_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) number = static_cast<std::uint32_t>(::getpid());
  char text[16];
  std::snprintf(text, sizeof text, "-%08x", number);
  return command + "-" + std::to_string(::getpid()) + text + status_suffix;
}

/// A socket that is bound while nobody may connect: see listen().
class NobodyMayConnect {
 public:
  NobodyMayConnect() : before_(::umask(0777)) {}
  ~NobodyMayConnect() { ::umask(before_); }
  NobodyMayConnect(const NobodyMayConnect&) = delete;
  NobodyMayConnect& operator=(const NobodyMayConnect&) = delete;

 private:
  mode_t before_;
};

// Root may see all. Another process of this user's may be in a namespace that keeps it from something: what we cannot
// look at counts as such.
bool may_ask(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == ::geteuid()) return shares_user_namespace(peer.pid).value_or(false);
  return peer.uid == 0;
}

}  // namespace

StatusServer::StatusServer(asio::io_context& context, Tell tell, const io::Log& log)
    : context_(context), tell_(std::move(tell)), log_(log), acceptor_(context), rest_(context) {}

void StatusServer::start(const std::string& command) {
  for (int i = 0; i < most_tries; ++i) {
    place_ = own_status_place();
    if (!place_) return log_.debug("no socket for tfunnel status: no directory that only this user can write to");
    if (listen(command)) return accept();
  }
}

// Whoever finds a socket that refuses him and has its final mode may take it for one that was left.
bool StatusServer::listen(const std::string& command) {
  const auto name = new_name(command);
  const auto path = path_in(place_->directory, name);
  error_code error;
  acceptor_.open({}, error);
  if (!error) {
    const NobodyMayConnect now;
    acceptor_.bind(path, error);
  }
  if (!error) name_ = name;
  if (!error) acceptor_.listen(most_waiting, error);
  if (!error && ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0) error = io::last_error();
  if (!error) return true;
  log_.debug("no socket for tfunnel status", {{"error", error.message()}, {"directory", place_->path}});
  error_code ignored;
  acceptor_.close(ignored);
  return false;
}

void StatusServer::accept() {
  acceptor_.async_accept([this](error_code error, Socket socket) {
    if (closed_) return;
    if (error) return rest(after_a_failure);
    answer(std::move(socket));
    rest(between_answers);
  });
}

void StatusServer::rest(core::Duration time) {
  rest_.expires_after(time);
  rest_.async_wait([this](error_code error) {
    if (error || closed_) return;
    readers_.size() < most_readers ? accept() : rest(between_answers);
  });
}

void StatusServer::answer(Socket socket) {
  if (!may_ask(socket.native_handle())) {
    return log_.about_flow(io::LogLevel::debug, "somebody asked for the status who may not");
  }
  const auto reader = std::make_shared<Reader>(std::move(socket), context_, tell_());
  readers_.push_back(reader);
  reader->patience.expires_after(most_patience);
  reader->patience.async_wait([reader](error_code error) {
    error_code ignored;
    if (!error) reader->socket.close(ignored);
  });
  asio::async_write(reader->socket, asio::buffer(reader->answer),
                    [this, reader](error_code, std::size_t) { forget(reader); });
}

void StatusServer::forget(const std::shared_ptr<Reader>& reader) {
  reader->patience.cancel();
  std::erase(readers_, reader);
}

void StatusServer::close() {
  if (std::exchange(closed_, true)) return;
  if (!name_.empty()) {
    ::unlinkat(place_->directory.get(), name_.c_str(), 0);
    ::rmdir(place_->path.c_str());
  }
  error_code ignored;
  acceptor_.close(ignored);
  rest_.cancel();
  for (const auto& reader : readers_) {
    reader->patience.cancel();
    reader->socket.close(ignored);
  }
}

}  // namespace tfunnel::client
