// A pipe between us and a process that we start.
#pragma once

#include "common/io/descriptor.hpp"

namespace tfunnel::client {

/// Both ends are closed on exec.
struct Pipe {
  io::Descriptor read;
  io::Descriptor write;
};

/// Throws boost::system::system_error.
Pipe open_pipe();

}  // namespace tfunnel::client
