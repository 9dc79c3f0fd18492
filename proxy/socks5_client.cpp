#include "proxy/socks5_client.hpp"

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>

#include "common/io/errors.hpp"
#include "common/io/socket_options.hpp"
#include "proxy/deadline.hpp"
#include "proxy/egress.hpp"

namespace tfunnel::proxy {

namespace {
const boost::system::error_category& socks5_category() { return make_error_code(Socks5Error::refused).category(); }
}  // namespace

/// What the deadline may still touch when the coroutine is on its way out.
struct Socks5Client::Attempt {
  explicit Attempt(asio::io_context& context) : resolver(context), socket(context) {}

  void stop() {
    stopped = true;
    resolver.cancel();
    error_code ignored;
    socket.close(ignored);
  }
  tcp::resolver resolver;
  tcp::socket socket;
  bool stopped = false;
};

std::string Socks5Proxy::text() const {
  const auto colon = host.find(':') != std::string::npos;
  return (colon ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

result<Socks5Client::Dialled> Socks5Client::dial(Socks5Command command, const Socks5Address& destination,
                                                 const std::string& flow, asio::yield_context yield, AskAgain wish) {
  const auto attempt = std::make_shared<Attempt>(context_);
  Deadline deadline(context_, timeout_, [attempt] { attempt->stop(); });
  Socks5Handshake handshake(command, destination, proxy_.credentials);
  const auto connect_error = reach(*attempt, yield);
  auto error = connect_error;
  if (!error) error = converse(*attempt, handshake, yield);
  if (deadline.expired()) error = asio::error::timed_out;
  if (!error && !handshake.outcome()) error = handshake.outcome().error();
  if (handshake.requested() && error.category() == socks5_category()) {
    const auto said = static_cast<Socks5Error>(error.value());
    if (asks_again(wish, ask_again_after(said))) {
      log_failure(io::LogLevel::info, error.message() + next_try(!destination.name.empty()), flow);
      return refused_as_called();
    }
  }
  if (error) return fault(error, !connect_error, flow);
  return Dialled{std::move(attempt->socket), *handshake.outcome()};
}

error_code Socks5Client::reach(Attempt& attempt, asio::yield_context yield) {
  error_code error;
  const auto found = attempt.resolver.async_resolve(proxy_.host, std::to_string(proxy_.port), yield[error]);
  for (const auto& entry : found) {
    // Opening a socket that was closed on purpose would undo that.
    if (attempt.stopped) return asio::error::operation_aborted;
    attempt.socket.close(error);
    attempt.socket.open(entry.endpoint().protocol(), error);
    if (error) continue;
    io::prepare(attempt.socket.native_handle());
    attempt.socket.async_connect(entry.endpoint(), yield[error]);
    if (!error || error == asio::error::operation_aborted) break;
  }
  return error;
}

// Reads exactly what the handshake wants: the next byte belongs to the application.
error_code Socks5Client::converse(Attempt& attempt, Socks5Handshake& handshake, asio::yield_context yield) {
  std::array<std::uint8_t, 512> buffer{};
  error_code error;
  while (handshake.running()) {
    asio::async_write(attempt.socket, asio::buffer(handshake.to_send()), yield[error]);
    if (error) return error;
    const auto part = asio::buffer(buffer, handshake.wanted());
    const auto count = asio::async_read(attempt.socket, part, yield[error]);
    if (count == part.size()) error.clear();
    if (error == asio::error::eof || error == asio::error::connection_reset) return Socks5Error::closed_early;
    if (error) return error;
    handshake.feed(core::ByteView(buffer).first(count));
  }
  return error;
}

error_code Socks5Client::fault(error_code error, bool reached, const std::string& flow) {
  if (error == asio::error::operation_aborted) return error;
  auto reason = core::Reason::upstream_refused;
  auto level = io::LogLevel::warning;
  if (error.category() == socks5_category()) {
    const auto said = static_cast<Socks5Error>(error.value());
    reason = reason_of(said);
    if (!concerns_proxy(said)) level = io::LogLevel::info;
  } else if (error == asio::error::timed_out) {
    reason = core::Reason::timed_out;
  } else if (io::is_exhaustion(error)) {
    reason = core::Reason::resource_limit;
  }
  if (reached) {
    log_failure(level, error.message(), flow);
  } else {
    log_.about_flow(level, "cannot reach the SOCKS5 proxy: " + error.message(),
                    {{"proxy", proxy_.text()}, {"flow", flow}});
  }
  return io::error_of(reason);
}

void Socks5Client::log_failure(io::LogLevel level, const std::string& what, const std::string& flow) {
  log_.about_flow(level, "the SOCKS5 proxy failed a flow: " + what, {{"proxy", proxy_.text()}, {"flow", flow}});
}

}  // namespace tfunnel::proxy
