// Where a process stands whose directory is not to be had.
#pragma once

namespace tfunnel::client {

/// Makes a directory that has been removed, and leads nowhere, this process's working directory: what it would be if
/// the process had stood there when somebody removed it. Takes CAP_SYS_ADMIN in the user namespace of the mount
/// namespace. If that fails, the working directory stays. May be called after fork(2).
void enter_removed_directory();

}  // namespace tfunnel::client
