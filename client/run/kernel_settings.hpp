// What root's program must not set for the whole system.
#pragma once

namespace tfunnel::client {

/// Makes read-only, as containers do, what the kernel lets user 0 write to whatever capabilities it lacks: some of the
/// settings, core_pattern for one, name programs that the kernel starts outside of all namespaces. So is every other
/// mount that shows the same. Those of the network namespace stay as they are. To be called in a mount namespace of our
/// own, with /proc in its place; does nothing for other users.
void protect_kernel_settings();

}  // namespace tfunnel::client
