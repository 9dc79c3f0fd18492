// What process 1 of a pid namespace has to do (pid_namespaces(7)).
#pragma once

namespace tfunnel::client {

/// Reaps orphans until `descriptor` is at its end of file. Then it asks all other processes of the namespace to end
/// (SIGTERM), and returns when they have, or after half a second: the kernel kills those left when process 1 ends.
void reap_until_end_of_file(int descriptor);

}  // namespace tfunnel::client
