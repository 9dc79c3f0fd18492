// The client for sockets that another process made.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "client/capture_sockets.hpp"
#include "client/link_choice.hpp"
#include "common/app/options.hpp"

namespace tfunnel::client {

struct LinkOptions {
  std::string via;  // empty: the far end runs on this machine
  int links = 1;
  double link_wait = 30;  // seconds
};

struct RunHooks {
  std::function<CaptureSockets()> sockets;  // called once, after the link commands were started; may block
  LocalAddressTest is_local;                // addresses of the namespace
  std::function<void()> on_ready;           // once: the first link is up and capture serves
  std::vector<std::string> local_far_end;   // argv of the far end when via is empty
  std::span<std::atomic<pid_t>> groups;     // process groups of the link commands, 0: none
};

app::po::options_description link_description(LinkOptions& options);

/// Runs until SIGTERM (drain, goodbye) or until the first link fails to start.
io::ExitStatus run_captured(const app::CommonOptions& common, const LinkOptions& options, std::uint32_t mark,
                            const RunHooks& hooks);

}  // namespace tfunnel::client
