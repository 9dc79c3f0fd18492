// Look-ups by c-ares, which never block, in the event loop.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/io/asio.hpp"
#include "proxy/lookup/name_source.hpp"

struct ares_channeldata;
struct ares_addrinfo;

namespace tfunnel::proxy {

/// The files and nameservers of this host as they were when this was made: /etc/hosts and resolv.conf(5), its search
/// domains, timeout and attempts too, in the order of nsswitch.conf(5). Held by a shared_ptr, which must not go while
/// c-ares is calling: NameSource's `done`, which is called out of the event loop, is the place for it.
class CaresChannel : public std::enable_shared_from_this<CaresChannel> {
 public:
  struct Settings {
    std::string resolv_conf;
    std::vector<core::Endpoint> servers = {};  // instead of the file's; none: the file's
  };

  /// `context` must outlive this. Without a channel (no memory) each look-up fails.
  CaresChannel(asio::io_context& context, const Settings& settings);
  /// Look-ups that are running are dropped.
  ~CaresChannel();
  CaresChannel(const CaresChannel&) = delete;
  CaresChannel& operator=(const CaresChannel&) = delete;

  /// As NameSource::ask().
  void ask(const std::string& name, NameSource::Done done);
  /// Drops the look-ups that are running, for good. REQUIRES: c-ares is not calling.
  void stop();
  [[nodiscard]] std::size_t pending() const { return pending_; }

 private:
  struct Question;
  struct Request;
  struct Watch;
  void request(const std::shared_ptr<Question>& question, int family);
  void hurry(const std::shared_ptr<Question>& question);
  static void on_answer(void* request, int status, int timeouts, ares_addrinfo* found);
  static void on_socket(void* self, int socket, int readable, int writable);
  void watch(int socket, bool readable, bool writable);
  void wait(const std::shared_ptr<Watch>& watch, asio::posix::stream_descriptor::wait_type kind);
  void process(int readable, int writable);
  void set_timer();

  asio::io_context& context_;
  ares_channeldata* channel_ = nullptr;
  std::map<int, std::shared_ptr<Watch>> watches_;  // by socket
  asio::steady_timer timer_;                       // of the next repetition
  std::size_t pending_ = 0;
  bool at_once_ = false;  // what is answered now is out of a file
};

}  // namespace tfunnel::proxy
