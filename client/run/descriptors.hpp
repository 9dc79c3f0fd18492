// Descriptors between the processes of `tfunnel run`.
#pragma once

#include <vector>

#include "client/capture/capture_sockets.hpp"
#include "client/process/pipe.hpp"

namespace tfunnel::client {

/// A pair of UNIX sockets, one for each process. Throws boost::system::system_error.
Pipe open_socket_pair();

/// Closes every descriptor but the standard streams and `keep`. For processes that must not hold what the user handed
/// to the program: whoever waits for its end of file would wait for us.
void close_all_but(std::vector<int> keep);

/// Lets a standard stream be /dev/null.
void close_standard_stream(int number);

/// Sends the sockets to another process (SCM_RIGHTS, unix(7)). They stay in the network namespace they were made in.
/// That nobody is there to receive them is no error.
void send_sockets(const io::Descriptor& to, const CaptureSockets& sockets);

/// Waits for them. Throws boost::system::system_error if the sender has ended.
CaptureSockets receive_sockets(const io::Descriptor& from);

}  // namespace tfunnel::client
