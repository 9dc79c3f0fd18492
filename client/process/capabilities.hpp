// Rights that this process may hold from its file (setcap(8)) or from a namespace that it made.
#pragma once

namespace tfunnel::client {

/// Gives all capabilities up, ambient ones too, unless this process is root, whose they are. The program file's
/// capabilities make /proc/self belong to root; from here on it belongs to the user again.
void drop_capabilities();
/// The same, but for CAP_SYS_ADMIN: for a process that has to mount.
void drop_capabilities_but_mounting();

}  // namespace tfunnel::client
