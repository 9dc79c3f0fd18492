#include "proxy/dns/dns_ports.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "common/io/errors.hpp"
#include "common/io/socket_mark.hpp"

namespace tfunnel::proxy {

/// One socket to a nameserver. Kept alive by the queries on it; its waits keep it only while they run.
class DnsPort final : public std::enable_shared_from_this<DnsPort> {
 public:
  DnsPort(DnsPorts& ports, const core::Endpoint& server, udp::socket socket)
      : ports_(&ports), server_(server), socket_(std::move(socket)) {}
  ~DnsPort();
  DnsPort(const DnsPort&) = delete;
  DnsPort& operator=(const DnsPort&) = delete;

  /// An id that no query on it has.
  result<std::uint16_t> free_id();
  void add(std::uint16_t id, DnsAsked& asked) { asked_.emplace(id, &asked); }
  void remove(std::uint16_t id);
  error_code send(core::ByteView query);
  void listen();
  /// Its maker is gone.
  void orphan() { ports_ = nullptr; }

 private:
  /// False: nothing more is there to be read now.
  bool receive();
  void on_message(dns::Message message);
  void on_error(error_code error);

  DnsPorts* ports_;
  core::Endpoint server_;
  udp::socket socket_;
  std::map<std::uint16_t, DnsAsked*> asked_;
};

namespace {

// Datagrams in a row before others get their turn in the event loop: a flood must not stop the clock.
constexpr int most_answers_in_a_row = 32;

result<udp::socket> connected_socket(asio::io_context& context, const core::Endpoint& server) {
  const auto endpoint = io::to_asio<udp>(server);
  error_code error;
  udp::socket socket(context);
  socket.open(endpoint.protocol(), error);
  if (!error) error = io::SocketMark::of(context).apply(socket.native_handle());
  if (!error) socket.connect(endpoint, error);
  if (!error) socket.non_blocking(true, error);
  if (error) return io::any_port_error(error);
  return socket;
}

}  // namespace

DnsAsked::DnsAsked(std::shared_ptr<DnsPort> port, dns::Message query, std::uint16_t id, Heard heard)
    : port_(std::move(port)), query_(std::move(query)), client_id_(dns::id_of(query_)), heard_(std::move(heard)) {
  dns::set_id(query_, id);
  port_->add(id, *this);
}

DnsAsked::~DnsAsked() { port_->remove(dns::id_of(query_)); }

error_code DnsAsked::send() { return port_->send(query_); }

DnsPort::~DnsPort() {
  if (ports_ != nullptr) ports_->forget(server_, *this);
}

// Half of all ids are free at least, so chance finds one soon.
result<std::uint16_t> DnsPort::free_id() {
  constexpr std::size_t most_ids = 1U << 15;
  if (asked_.size() >= most_ids) return error_code(asio::error::no_buffer_space);
  auto id = ports_->random_id();
  while (asked_.contains(id)) id = ports_->random_id();
  return id;
}

// Without queries the wait ends, and with it the socket.
void DnsPort::remove(std::uint16_t id) {
  asked_.erase(id);
  error_code ignored;
  if (asked_.empty()) socket_.cancel(ignored);
}

error_code DnsPort::send(core::ByteView query) {
  error_code error;
  socket_.send(asio::buffer(query.data(), query.size()), 0, error);
  return io::is_transient(error) ? error_code() : error;
}

void DnsPort::listen() {
  socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](error_code error) {
    for (int i = 0; !error && i < most_answers_in_a_row && !self->asked_.empty() && self->ports_ != nullptr; ++i) {
      if (!self->receive()) break;
    }
    if (!self->asked_.empty() && self->ports_ != nullptr) self->listen();
  });
}

bool DnsPort::receive() {
  auto& buffer = ports_->buffer_;
  buffer.resize(dns::max_message);
  error_code error;
  const auto size = socket_.receive(asio::buffer(buffer), 0, error);
  if (io::is_transient(error)) return false;
  if (error) {
    on_error(error);
  } else {
    on_message({buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  return true;
}

// A message that answers no query of ours came too late, or is forged: either way it does no harm.
void DnsPort::on_message(dns::Message message) {
  if (message.size() < dns::header_size) return;
  const auto found = asked_.find(dns::id_of(message));
  if (found == asked_.end() || !dns::answers(message, found->second->query_)) return;
  dns::set_id(message, found->second->client_id_);
  // A copy, since it may destroy the original.
  const auto heard = found->second->heard_;
  heard(std::move(message));
}

// It concerns the server, and so all who ask it here.
void DnsPort::on_error(error_code error) {
  std::vector<std::uint16_t> ids;
  for (const auto& [id, asked] : asked_) ids.push_back(id);
  for (const auto id : ids) {
    const auto found = asked_.find(id);
    if (found == asked_.end()) continue;
    const auto heard = found->second->heard_;
    heard(error);
  }
}

DnsPorts::~DnsPorts() {
  for (auto& [server, pool] : pools_) {
    for (auto* port : pool) port->orphan();
  }
}

result<std::unique_ptr<DnsAsked>> DnsPorts::ask(const core::Endpoint& server, const dns::Message& query,
                                                DnsAsked::Heard heard) {
  auto port = port_to(server);
  if (!port) return port.error();
  const auto id = (*port)->free_id();
  if (!id) return id.error();
  return std::make_unique<DnsAsked>(std::move(*port), query, *id, std::move(heard));
}

// Chance decides, too, which one is shared.
result<std::shared_ptr<DnsPort>> DnsPorts::port_to(const core::Endpoint& server) {
  const auto pool = pools_.find(server);
  const auto count = pool == pools_.end() ? 0 : pool->second.size();
  auto port = count < most_to_one_server ? open(server) : error_code(asio::error::no_buffer_space);
  if (!port && count > 0 && io::reason_of(port.error()) == core::Reason::resource_limit) {
    return pool->second[random_() % count]->shared_from_this();
  }
  return port;
}

result<std::shared_ptr<DnsPort>> DnsPorts::open(const core::Endpoint& server) {
  reserve_.refill();
  auto socket = connected_socket(context_, server);
  if (!socket && reserve_.relieve(socket.error())) socket = connected_socket(context_, server);
  if (!socket) return socket.error();
  auto port = std::make_shared<DnsPort>(*this, server, std::move(*socket));
  pools_[server].push_back(port.get());
  port->listen();
  return port;
}

void DnsPorts::forget(const core::Endpoint& server, DnsPort& port) {
  const auto pool = pools_.find(server);
  std::erase(pool->second, &port);
  if (pool->second.empty()) pools_.erase(pool);
}

}  // namespace tfunnel::proxy
