// From a host's name to its addresses.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/spawn.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/io/asio.hpp"
#include "proxy/lookup/name_source.hpp"
#include "proxy/lookup/shared_lookups.hpp"

namespace tfunnel::proxy {

class NameLookup {
 public:
  /// One coroutine's wait for an answer. Shared, for a time limit may stop it.
  class Wait {
   public:
    explicit Wait(asio::io_context& context) : timer_(context) {}
    /// Ends the wait, and each further one, with timed_out.
    void stop() {
      stopped_ = true;
      timer_.cancel();
    }

   private:
    friend NameLookup;
    asio::steady_timer timer_;
    std::optional<NameAnswer> answer_;
    bool stopped_ = false;
  };

  /// This, and so `source`, must outlive the io_context's last handler.
  explicit NameLookup(std::unique_ptr<NameSource> source) : source_(std::move(source)) {}

  /// All addresses, the best first; at least one. An address as text is its own answer. Errors: a NameError, timed_out,
  /// operation_aborted if the coroutine was cancelled.
  result<std::vector<core::Address>> find(const std::string& name, const std::shared_ptr<Wait>& wait,
                                          const asio::yield_context& yield);
  /// Nobody waits any more: the look-ups themselves end, too.
  void stop() { source_->stop(); }

 private:
  void ask_next();

  std::unique_ptr<NameSource> source_;
  SharedLookups shared_;
};

}  // namespace tfunnel::proxy
