// Questions to the kernel over netlink(7), by libmnl.
#pragma once

#include <functional>

#include "common/io/asio.hpp"
#include "common/io/descriptor.hpp"

struct mnl_socket;
struct nlmsghdr;

namespace tfunnel::io {

class NetlinkSocket {
 public:
  /// `bus` is NETLINK_ROUTE or the like. Does not throw: ask() says what was wrong.
  explicit NetlinkSocket(int bus);
  ~NetlinkSocket();
  /// One that is open and bound already.
  explicit NetlinkSocket(Descriptor socket);
  NetlinkSocket(const NetlinkSocket&) = delete;
  NetlinkSocket& operator=(const NetlinkSocket&) = delete;

  using Answer = std::function<void(const nlmsghdr& message)>;
  /// Sends the request, whose sequence number is set here, and waits for the kernel, which answers at once: with an
  /// acknowledgement, an error, or one message, which goes to `answer`. Errors: the kernel's.
  error_code ask(nlmsghdr& request, const Answer& answer = nullptr);
  /// False: no more are wanted.
  using Take = std::function<bool(const nlmsghdr& message)>;
  /// Asks for all there are of something (NLM_F_DUMP). After `take` has said that it wants no more, this object cannot
  /// be used again. Errors: the kernel's.
  error_code list(nlmsghdr& request, const Take& take);

 private:
  mnl_socket* socket_;
  error_code broken_;
  unsigned sequence_ = 0;
};

}  // namespace tfunnel::io
