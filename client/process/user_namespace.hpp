// Whether another process has rights like ours.
#pragma once

#include <sys/types.h>

#include <optional>

namespace tfunnel::client {

/// Is it in our user namespace? A user may have all rights in one that he made, and none here. Nothing: we may not look
/// at that process, or it is gone.
std::optional<bool> shares_user_namespace(pid_t process);

}  // namespace tfunnel::client
