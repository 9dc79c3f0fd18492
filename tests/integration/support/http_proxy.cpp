#include "tests/integration/support/http_proxy.hpp"

#include <gtest/gtest.h>
#include <netinet/tcp.h>

namespace tfunnel::test {

std::string ProxyPeer::request() {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    const auto byte = socket_.receive(1);
    if (byte.empty()) break;
    head += static_cast<char>(byte[0]);
  }
  return head;
}

void ProxyPeer::send_slowly(std::string_view text) {
  const int on = 1;
  ::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (const char c : text) send(std::string_view(&c, 1));
}

proxy::ProxyUrl proxy_at(const core::Endpoint& endpoint) {
  return {false, endpoint.address.text(), endpoint.port, std::nullopt};
}

proxy::ProxyUrl ScriptedProxy::url() const { return proxy_at(server_.endpoint()); }

Tunnel::Terms through(std::vector<proxy::ProxyUrl> proxies, core::Duration timeout,
                      const proxy::MakeSecurityContext& make_context) {
  proxy::NameOptions by_address;
  by_address.proxy_names = proxy::NameMode::never;
  return {.names = by_address,
          .egress =
              [proxies = std::move(proxies), timeout, make_context](asio::io_context& context, const io::Log& log) {
                return std::make_unique<proxy::HttpConnectEgress>(
                    context, proxy::HttpConnectEgress::Settings{proxies, timeout, nullptr, make_context}, log);
              },
          .log_level = io::LogLevel::debug};
}

CapturedLog::CapturedLog() { testing::internal::CaptureStderr(); }

CapturedLog::~CapturedLog() { text(); }

const std::string& CapturedLog::text() {
  if (!std::exchange(ended_, true)) text_ = testing::internal::GetCapturedStderr();
  return text_;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

}  // namespace tfunnel::test
