// Chooses the link that a new flow takes.
#pragma once

#include <functional>
#include <memory>

#include "common/io/session.hpp"

namespace tfunnel::client {

/// The link with the fewest flows; null: none is up. A flow stays with its link and ends with it, so the local end of
/// a flow holds what this returns.
using ChooseLink = std::function<std::shared_ptr<io::Session>()>;

/// Is this an address of the host, or namespace, that is captured?
using LocalAddressTest = std::function<bool(const core::Address&)>;

/// Was it sent straight to a capture port? It would come back for ever.
using LoopTest = std::function<bool(const core::Endpoint& destination)>;

/// The fate of new connections and datagrams: left to wait in the kernel's queues, made flows, or turned away.
enum class CaptureMode { wait, serve, refuse };

}  // namespace tfunnel::client
