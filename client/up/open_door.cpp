#include "client/up/open_door.hpp"

#include <fcntl.h>

#include <utility>

#include "common/io/errors.hpp"

namespace tfunnel::client {

OpenDoor::OpenDoor(asio::io_context& context, const Instance& instance, std::unique_ptr<CaptureRules> rules)
    : instance_(instance), door_(context), rules_(std::move(rules)) {
  const int once_more = ::fcntl(instance.descriptor(), F_DUPFD_CLOEXEC, 0);
  if (once_more < 0) throw boost::system::system_error(io::last_error(), "a UNIX socket");
  door_.assign(once_more);
  wait();
}

void OpenDoor::clean_end(bool asked_for) {
  error_code ignored;
  door_.close(ignored);
  rules_->clean_end(asked_for);
}

void OpenDoor::wait() {
  door_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
    if (error || !door_.is_open()) return;
    instance_.let_callers_go();
    wait();
  });
}

}  // namespace tfunnel::client
