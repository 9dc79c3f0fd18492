#include "proxy/lookup/cares_channel.hpp"

#include <ares.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "common/io/descriptor.hpp"
#include "common/io/errors.hpp"
#include "common/io/socket_mark.hpp"
#include "common/io/text_file.hpp"
#include "proxy/dns/resolv_options.hpp"

namespace tfunnel::proxy {

namespace {

using WaitType = asio::posix::stream_descriptor::wait_type;

// An attacker's answer may hold thousands.
constexpr std::size_t most_addresses = 32;
// /etc/hosts has no time to live. It is read again before anybody can miss it, but not for each connection.
constexpr auto file_good_for = std::chrono::seconds(2);
// How long IPv4 addresses wait for the IPv6 ones of the same name.
constexpr auto patience_with_ipv6 = std::chrono::seconds(1);

struct FreeAddrinfo {
  void operator()(ares_addrinfo* found) const { ::ares_freeaddrinfo(found); }
};

/// c-ares says only that it could send nothing, which a want of descriptors looks like, too.
error_code error_without_server() {
  const io::Descriptor probe(::socket(AF_INET, SOCK_DGRAM, 0));
  const auto error = probe.is_open() ? error_code() : io::last_error();
  return io::is_exhaustion(error) ? error : error_code(NameError::no_server);
}

error_code error_of(int status) {
  switch (status) {
    case ARES_EBADNAME:
    case ARES_ENOTFOUND: return NameError::not_found;
    case ARES_ENODATA: return NameError::no_address;
    case ARES_ETIMEOUT: return NameError::no_answer;
    case ARES_ECONNREFUSED: return error_without_server();
    case ARES_ENOMEM: return asio::error::no_memory;
    default: return NameError::failed;
  }
}

core::Address address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    return *core::Address::from_wire({reinterpret_cast<const char*>(&four.sin_addr), 4});
  }
  sockaddr_in6 six{};
  std::memcpy(&six, &address, sizeof six);
  return *core::Address::from_wire({reinterpret_cast<const char*>(&six.sin6_addr), 16});
}

NameAnswer answer_of(const ares_addrinfo& found) {
  NameAnswer answer;
  int seconds = found.nodes == nullptr ? 0 : found.nodes->ai_ttl;
  for (const auto* alias = found.cnames; alias != nullptr; alias = alias->next) seconds = std::min(seconds, alias->ttl);
  for (const auto* node = found.nodes; node != nullptr; node = node->ai_next) {
    seconds = std::min(seconds, node->ai_ttl);
    const auto address = address_of(*node->ai_addr);
    const bool is_new = std::ranges::find(answer.addresses, address) == answer.addresses.end();
    if (is_new && answer.addresses.size() < most_addresses) answer.addresses.push_back(address);
  }
  answer.good_for = std::chrono::seconds(seconds);
  if (answer.addresses.empty()) answer.error = NameError::no_address;
  return answer;
}

ares_addr_port_node node_of(const core::Endpoint& server) {
  ares_addr_port_node node{};
  const auto bytes = server.address.wire();
  node.family = server.address.is_v4() ? AF_INET : AF_INET6;
  std::memcpy(&node.addr, bytes.data(), bytes.size());
  node.udp_port = node.tcp_port = server.port;
  return node;
}

void set_servers(ares_channel channel, const std::vector<core::Endpoint>& servers) {
  std::vector<ares_addr_port_node> nodes;
  for (const auto& server : servers) nodes.push_back(node_of(server));
  for (std::size_t i = 1; i < nodes.size(); ++i) nodes[i - 1].next = &nodes[i];
  if (!nodes.empty()) ::ares_set_servers_ports(channel, nodes.data());
}

int mark_socket(ares_socket_t socket, int /*type*/, void* mark) {
  return static_cast<const io::SocketMark*>(mark)->apply(socket) ? -1 : 0;
}

}  // namespace

/// A question that is to be answered once, though c-ares may be asked for it twice.
struct CaresChannel::Question {
  Question(asio::io_context& context, std::string name_, NameSource::Done done_)
      : name(std::move(name_)), done(std::move(done_)), hurry(context) {}
  std::string name;
  NameSource::Done done;  // empty: it is answered
  asio::steady_timer hurry;
  int requests = 0;  // that run
};

struct CaresChannel::Request {
  CaresChannel& channel;
  std::shared_ptr<Question> question;
};

/// A socket of c-ares', which opens and closes it itself.
struct CaresChannel::Watch {
  Watch(asio::io_context& context, int socket) : descriptor(context) {
    error_code ignored;
    descriptor.assign(socket, ignored);
  }
  asio::posix::stream_descriptor descriptor;
  std::array<bool, 2> wanted{};   // by WaitType: to read, to write
  std::array<bool, 2> waiting{};  // an operation is pending
  bool closed = false;
};

CaresChannel::CaresChannel(asio::io_context& context, const Settings& settings) : context_(context), timer_(context) {
  auto path = settings.resolv_conf;
  // Older releases of c-ares do not heed these options of the file.
  const auto file = parse_resolv_options(io::file_contents(path));
  ares_options options{};
  options.resolvconf_path = path.data();
  options.timeout = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(file.timeout).count());
  options.tries = file.attempts;
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = this;
  const int given = ARES_OPT_RESOLVCONF | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
                    (file.rotate ? ARES_OPT_ROTATE : 0);
  if (::ares_init_options(&channel_, &options, given) != ARES_SUCCESS) channel_ = nullptr;
  if (channel_ == nullptr) return;
  set_servers(channel_, settings.servers);
  ::ares_set_socket_configure_callback(channel_, mark_socket, &io::SocketMark::of(context));
}

CaresChannel::~CaresChannel() { stop(); }

// Its sockets are let go of by on_socket(), its questions by on_answer().
void CaresChannel::stop() {
  if (channel_ != nullptr) ::ares_destroy(std::exchange(channel_, nullptr));
  timer_.cancel();
}

void CaresChannel::ask(const std::string& name, NameSource::Done done) {
  if (channel_ == nullptr) {
    asio::post(context_, [done = std::move(done)] { done({{}, asio::error::no_memory, {}}); });
    return;
  }
  const auto question = std::make_shared<Question>(context_, name, std::move(done));
  at_once_ = true;
  request(question, AF_UNSPEC);
  at_once_ = false;
  if (question->done) hurry(question);
}

void CaresChannel::request(const std::shared_ptr<Question>& question, int family) {
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  ++pending_;
  ++question->requests;
  ::ares_getaddrinfo(channel_, question->name.c_str(), nullptr, &hints, on_answer, new Request{*this, question});
  set_timer();
}

// c-ares answers when it knows both families, and some nameservers never answer for IPv6.
void CaresChannel::hurry(const std::shared_ptr<Question>& question) {
  question->hurry.expires_after(patience_with_ipv6);
  question->hurry.async_wait([weak = weak_from_this(), question](error_code error) {
    const auto self = weak.lock();
    if (!error && self && question->done) self->request(question, AF_INET);
  });
}

void CaresChannel::on_answer(void* argument, int status, int /*timeouts*/, ares_addrinfo* found_) {
  const std::unique_ptr<Request> request(static_cast<Request*>(argument));
  const std::unique_ptr<ares_addrinfo, FreeAddrinfo> found(found_);
  auto& channel = request->channel;
  auto& question = *request->question;
  --channel.pending_;
  --question.requests;
  if (status == ARES_EDESTRUCTION) {
    question.done = nullptr;
    question.hurry.cancel();
  }
  if (!question.done) return;
  auto answer = status == ARES_SUCCESS && found ? answer_of(*found) : NameAnswer{{}, error_of(status), {}};
  if (answer.addresses.empty() && question.requests > 0) return;
  if (channel.at_once_) answer.good_for = std::max<core::Duration>(answer.good_for, file_good_for);
  question.hurry.cancel();
  asio::post(channel.context_, [done = std::exchange(question.done, nullptr), answer = std::move(answer)]() mutable {
    done(std::move(answer));
  });
}

void CaresChannel::on_socket(void* self, int socket, int readable, int writable) {
  static_cast<CaresChannel*>(self)->watch(socket, readable != 0, writable != 0);
}

// Called before c-ares closes the socket: its number may mean another one right afterwards.
void CaresChannel::watch(int socket, bool readable, bool writable) {
  auto& watch = watches_[socket];
  if (!watch) watch = std::make_shared<Watch>(context_, socket);
  watch->wanted = {readable, writable};
  if (readable) wait(watch, WaitType::wait_read);
  if (writable) wait(watch, WaitType::wait_write);
  if (readable || writable) return;
  watch->closed = true;
  watch->descriptor.release();
  watches_.erase(socket);
}

void CaresChannel::wait(const std::shared_ptr<Watch>& watch, WaitType kind) {
  const std::size_t way = kind == WaitType::wait_read ? 0 : 1;
  if (!watch->descriptor.is_open() || std::exchange(watch->waiting[way], true)) return;
  watch->descriptor.async_wait(kind, [weak = weak_from_this(), watch, kind, way](error_code error) {
    watch->waiting[way] = false;
    const auto self = weak.lock();
    if (!self || error || watch->closed) return;
    const int socket = watch->descriptor.native_handle();
    self->process(way == 0 ? socket : ARES_SOCKET_BAD, way == 1 ? socket : ARES_SOCKET_BAD);
    if (!watch->closed && watch->wanted[way]) self->wait(watch, kind);
  });
}

void CaresChannel::process(int readable, int writable) {
  // A timer may have been due when it all was stopped.
  if (channel_ == nullptr) return;
  ::ares_process_fd(channel_, readable, writable);
  set_timer();
}

void CaresChannel::set_timer() {
  timeval left{};
  if (::ares_timeout(channel_, nullptr, &left) == nullptr) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace tfunnel::proxy
