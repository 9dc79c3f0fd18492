#include "tests/integration/support/tunnel.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>

#include "common/io/deliveries.hpp"
#include "common/io/socket_options.hpp"

namespace tfunnel::test {

namespace {

/// The ends of the link: the client's two descriptors, then the proxy's. A socket is given twice.
std::array<Socket, 4> make_link(LinkKind::Join join) {
  std::array<int, 2> there{};
  std::array<int, 2> back{};
  if (join == LinkKind::Join::pipes) {
    EXPECT_EQ(::pipe(there.data()) + ::pipe(back.data()), 0);
    return {Socket(back[0]), Socket(there[1]), Socket(there[0]), Socket(back[1])};
  }
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, there.data()), 0);
  return {Socket(there[0]), Socket(::dup(there[0])), Socket(there[1]), Socket(::dup(there[1]))};
}

io::Session::Settings settings(wire::Role role, const LinkKind& kind, const Tunnel::Terms& terms) {
  io::Session::Settings settings;
  settings.role = role;
  settings.data_path = kind.data_path;
  settings.buffer_size = terms.buffer_size;
  settings.udp_timeouts = terms.udp_timeouts;
  return settings;
}

}  // namespace

proxy::AccessOptions allow_loopback() {
  proxy::AccessOptions options;
  for (const auto* rule : {"127.0.0.0/8", "::1", "*"}) options.rules.add(proxy::parse_rule(true, rule));
  return options;
}

void UdpApplication::on_datagram(const core::Endpoint& peer, core::ByteView payload) {
  heard(std::chrono::steady_clock::now());
  datagrams.emplace_back(peer, Bytes(payload.begin(), payload.end()));
}

void UdpApplication::on_datagram_error(const core::Endpoint& peer, core::Reason reason) {
  errors.emplace_back(peer, reason);
}

Tunnel::Tunnel(const LinkKind& kind, const Terms& terms)
    : log_(terms.log_level, io::LogFormat::text, "test"),
      work_(context_.get_executor()),
      link_(make_link(kind.join)),
      client_channel_(context_, link_[0].fd(), link_[1].fd()),
      proxy_channel_(context_, link_[2].fd(), link_[3].fd()),
      gate_(terms.access.gate()),
      batches_(context_),
      own_upstream_(terms.egress ? terms.egress(context_, log_) : nullptr),
      given_upstream_(terms.upstream),
      udp_refusal_(terms.refusal ? terms.refusal(log_) : nullptr),
      direct_(context_, terms.connect_timeout),
      socks5_client_(context_, terms.socks5.value_or(proxy::Socks5Proxy()), terms.connect_timeout, log_,
                     terms.dialler ? terms.dialler(context_) : nullptr),
      socks5_(socks5_client_),
      egress_(gate_, direct_, chosen(terms), log_),
      udp_direct_(std::in_place, proxy::UdpSockets::Surroundings{context_, batches_, log_, reserve_}),
      udp_to_loopback_(std::in_place, terms.access.loopback, *udp_direct_),
      socks5_datagrams_(std::in_place,
                        proxy::Socks5Association::Surroundings{context_, socks5_client_, log_, reserve_}),
      services_(std::in_place, context_, way_out(terms), terms.names, reserve_, terms.interceptors, log_),
      datagrams_(std::in_place, gate_, log_, proxy::in_order(services_->datagrams())),
      dialer_(std::in_place, context_, services_->egress(), *datagrams_, reserve_, log_, services_->namer()),
      acceptor_(*dialer_, gate_, log_),
      client_(std::make_unique<io::Session>(context_, client_channel_, settings(wire::ROLE_CLIENT, kind, terms),
                                            nullptr, log_)),
      proxy_(std::make_unique<io::Session>(context_, proxy_channel_, settings(wire::ROLE_PROXY, kind, terms),
                                           &acceptor_, log_)),
      door_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  reserve_.serve(proxy_->mux());
  dialer_->serve(proxy_->mux());
  dialer_->keep_names_of_flows(services_->virtual_names());
  client_->on_ready = [this] { ready_.set_value(); };
  client_->on_end = [this](io::ExitStatus status, const std::string&) { ended_[0].set_value(status); };
  proxy_->on_end = [this](io::ExitStatus status, const std::string&) { ended_[1].set_value(status); };
  // As the capture's listener is.
  io::prepare(door_.native_handle());
  door_.non_blocking(true);
  accept();
  client_->start();
  proxy_->start();
  thread_ = std::thread([this] { context_.run(); });
  EXPECT_EQ(ready_.get_future().wait_for(patience), std::future_status::ready);
}

proxy::Egress& Tunnel::chosen(const Terms& terms) {
  if (terms.socks5) return socks5_;
  if (own_upstream_) return *own_upstream_;
  if (terms.upstream != nullptr) return *terms.upstream;
  return direct_;
}

proxy::UdpWays Tunnel::datagrams(const Terms& terms) {
  proxy::UdpWay* upstream = terms.upstream_datagrams;
  if (terms.socks5) upstream = &*socks5_datagrams_;
  return {
      .far_loopback = &*udp_to_loopback_, .refusal = udp_refusal_.get(), .upstream = upstream, .direct = &*udp_direct_};
}

proxy::WayOut Tunnel::way_out(const Terms& terms) {
  const bool is_upstream = terms.socks5 || own_upstream_ || terms.upstream != nullptr;
  return {egress_, datagrams(terms), terms.carries_datagrams, is_upstream};
}

// The ends of flows refer to their mux until they are gone.
Tunnel::~Tunnel() {
  if (ran_dry_) return;
  EXPECT_TRUE(runs_dry()) << "something is still waited for at the end";
}

// What was cancelled needs no waiting: it is due already.
bool Tunnel::runs_dry() {
  ran_dry_ = true;
  if (!shut_down_) shut_down();
  context_.stop();
  thread_.join();
  door_.close();
  work_.reset();
  context_.restart();
  asio::post(context_, [this] { let_go(); });
  context_.poll();
  return context_.stopped();
}

// Inside the event loop, as in the program: outside of it Boost puts off the cancelling of a coroutine, and then refers
// to a signal whose owner may be gone.
void Tunnel::let_go() {
  io::Deliveries::of(context_).let_go();
  services_->stop();
  socks5_client_.stop();
  for (auto* upstream : {own_upstream_.get(), given_upstream_}) {
    if (upstream != nullptr) upstream->stop();
  }
}

std::array<io::ExitStatus, 2> Tunnel::shut_down() {
  shut_down_ = true;
  call([this] { proxy_->shut_down("test over"); });
  std::array<io::ExitStatus, 2> statuses{};
  for (std::size_t i = 0; i < 2; ++i) {
    auto ended = ended_[i].get_future();
    if (ended.wait_for(patience) == std::future_status::ready) {
      statuses[i] = ended.get();
    } else {
      ADD_FAILURE() << (i == 0 ? "the client" : "the proxy") << " did not end";
    }
  }
  return statuses;
}

void Tunnel::accept() {
  door_.async_wait(tcp::acceptor::wait_read, [this](error_code error) {
    if (error) return;
    for (;;) {
      tcp::socket socket(context_);
      door_.accept(socket, error);
      if (error) break;
      add(std::move(socket));
    }
    accept();
  });
}

void Tunnel::add(tcp::socket socket) {
  error_code error;
  const auto source = socket.remote_endpoint(error);
  if (error) return;
  const auto relay =
      std::make_shared<io::Relay>(context_, std::shared_ptr<core::Mux>(std::shared_ptr<void>(), &client_->mux()), log_);
  auto* flow =
      client_->mux().open({core::Transport::tcp, io::from_asio(source), destinations_.at(source.port())}, relay);
  ASSERT_NE(flow, nullptr);
  relay->bind(*flow, io::from_asio(source));
  io::prepare(socket.native_handle());
  relay->attach(std::move(socket));
}

Socket Tunnel::connect(const core::Endpoint& peer) {
  auto socket = bound_socket(SOCK_STREAM);
  const auto port = socket.local().port;
  const auto door = call([&] {
    destinations_[port] = peer;
    return io::from_asio(door_.local_endpoint());
  });
  EXPECT_TRUE(test::connect(socket, door));
  return socket;
}

std::shared_ptr<UdpApplication> Tunnel::udp_application() {
  return call([this] {
    auto& mux = client_->mux();
    auto end = std::make_shared<UdpApplication>(mux);
    end->bind(*mux.open({core::Transport::udp, endpoint("192.0.2.1", 1000), {}}, end),
              std::chrono::steady_clock::now());
    return end;
  });
}

core::Counters Tunnel::client_counters() {
  return call([this] { return client_->mux().counters(); });
}

core::Counters Tunnel::proxy_counters() {
  return call([this] { return proxy_->mux().counters(); });
}

std::size_t Tunnel::client_flows() {
  return call([this] { return client_->mux().flow_count(); });
}

std::size_t Tunnel::proxy_flows() {
  return call([this] { return proxy_->mux().flow_count(); });
}

}  // namespace tfunnel::test
