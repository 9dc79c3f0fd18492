// From a system's error to the reason that travels to the other end.
#pragma once

#include "common/core/reason.hpp"
#include "common/io/asio.hpp"

namespace tfunnel::io {

/// A reason where an error_code is wanted: what an upstream proxy said, say. reason_of() gives it back.
error_code error_of(core::Reason reason);

/// The reason by which the application at the other end should learn of `error`.
core::Reason reason_of(const error_code& error);

/// Would the same call succeed later without anything being wrong?
bool is_transient(const error_code& error);

/// Is it a want of descriptors or memory, which passes?
bool is_exhaustion(const error_code& error);

/// The error of a socket that was to get any port of its own: if all ports are in use, which the system says in words
/// that mean something else for a given port (EADDRINUSE of bind(2), EAGAIN of connect(2)), no_buffer_space.
error_code any_port_error(const error_code& error);

/// `errno` as an error_code.
error_code last_error();

}  // namespace tfunnel::io
