// traffic serve: every behaviour on TCP and UDP port P, a server that speaks first on TCP P+1.
#include "traffic_commands.hpp"
#include "traffic_talkers.hpp"
#include "traffic_udp_server.hpp"

#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <cerrno>
#include <cstdio>
#include <memory>

namespace traffic {
namespace {

class acceptor : public event_target {
 public:
  acceptor(event_loop& loop, unique_fd fd, report_book* reports) : loop_(loop), fd_(std::move(fd)), reports_(reports) {}

  bool on_events(std::uint32_t) override {
    for (int i = 0; i < 64; ++i) {
      unique_fd accepted(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!accepted.valid()) break;
      const int on = 1;
      ::setsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      session::start(loop_, std::move(accepted), reports_ ? make_server_talker(*reports_) : make_banner_talker());
    }
    return true;
  }

 private:
  event_loop& loop_;
  unique_fd fd_;
  report_book* reports_;  // null: the banner port
};

void serve_tcp(event_loop& loop, const endpoint& where, report_book* reports) {
  auto fd = listen_tcp(where);
  const int raw = fd.get();
  loop.add(raw, EPOLLIN, std::make_unique<acceptor>(loop, std::move(fd), reports));
}

}  // namespace

int run_serve(arguments& args) {
  const auto port = std::uint16_t(args.number("port", 0));
  const auto addresses = args.list("bind", {"0.0.0.0", "::"});
  args.finish();
  raise_descriptor_limit();

  report_book reports;
  event_loop loop;
  udp_state udp(loop);
  loop.stop_on_signals();
  for (const auto& address : addresses) {
    serve_tcp(loop, make_endpoint(address, port), &reports);
    serve_tcp(loop, make_endpoint(address, std::uint16_t(port + 1)), nullptr);
    serve_udp(udp, make_endpoint(address, port));
  }
  std::puts("ready");
  std::fflush(stdout);
  while (!loop.stopped()) loop.run_once(-1);
  loop.clear();
  return 0;
}

}  // namespace traffic
