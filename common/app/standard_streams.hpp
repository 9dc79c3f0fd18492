// The three descriptors that every program counts on.
#pragma once

namespace tfunnel::app {

/// Opens those of standard input, output and error that are closed on /dev/null. To be called first thing in main():
/// a file that is opened before gets such a number, and is then taken for the stream, read, written and replaced as
/// one. Ends the process if there is no /dev/null.
void open_standard_streams();

}  // namespace tfunnel::app
