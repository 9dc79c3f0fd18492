// Tells whoever connects to a UNIX socket how this client is doing.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/status/status_places.hpp"
#include "common/core/time.hpp"
#include "common/io/asio.hpp"
#include "common/io/log.hpp"

namespace tfunnel::client {

/// To connect is to ask; the answer is one document, and then the end. Only this user and root are answered, from this
/// user namespace: the program of `tfunnel run` is in another. Nothing is ever read. Whoever asks again and again, or
/// takes no answer, costs the tunnel little: ten answers a second, a few at a time, each for a few seconds.
class StatusServer {
 public:
  /// Makes an answer.
  using Tell = std::function<std::string()>;

  /// `log` must outlive it, and it the io_context's last handler, or close() and one more round.
  StatusServer(asio::io_context& context, Tell tell, const io::Log& log);
  ~StatusServer() { close(); }
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  /// `command` begins the socket's name. Where there can be none, a debug line says why, and all else goes on.
  void start(const std::string& command);
  /// The socket goes, and so does its directory if it was the last.
  void close();

 private:
  using Socket = asio::local::stream_protocol::socket;
  struct Reader {
    Reader(Socket taken, asio::io_context& context, std::string text)
        : socket(std::move(taken)), patience(context), answer(std::move(text)) {}
    Socket socket;
    asio::steady_timer patience;
    std::string answer;
  };

  bool listen(const std::string& command);
  void accept();
  void rest(core::Duration time);
  void answer(Socket socket);
  void forget(const std::shared_ptr<Reader>& reader);

  asio::io_context& context_;
  Tell tell_;
  const io::Log& log_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer rest_;  // until the next one is taken
  std::vector<std::shared_ptr<Reader>> readers_;
  std::optional<StatusPlace> place_;
  std::string name_;  // in the directory
  bool closed_ = false;
};

}  // namespace tfunnel::client
