// By which name a pipe or terminal that is open already can be opened once more.
#pragma once

#include <string>

namespace tfunnel::io {

/// A path that leads to what `descriptor` refers to, with an open file description of its own; empty if there is none.
/// POSIX knows names of terminals only.
std::string path_of(int descriptor);

}  // namespace tfunnel::io
