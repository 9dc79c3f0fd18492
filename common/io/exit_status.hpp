// How the programs end; documented in client/README.md and tfunnel(1). Numbers as in sysexits(3).
#pragma once

namespace tfunnel::io {

enum class ExitStatus {
  ok = 0,              // ended by SIGTERM or SIGINT, or the far end was
  faults_found = 1,    // doctor: something is wrong
  usage = 64,          // the command line is wrong, or a terminal is in the link's place
  link_lost = 69,      // the link ended, failed, or went silent
  broken = 70,         // a process of ours was killed
  os_error = 71,       // the system refused something we need
  cut = 75,            // not all that applications had sent was delivered at the end, as a line says
  protocol = 76,       // the far end is no tfunnel, of another version, or breaks the protocol
  no_permission = 77,  // a capability is missing
  bad_config = 78,     // the configuration file is wrong
  // As shells have it; only `tfunnel run`, which otherwise ends as its program does.
  cannot_execute = 126,
  not_found = 127,
  interrupted = 130,  // the link's command was interrupted (Ctrl-C at its question) before there was a tunnel
};

}  // namespace tfunnel::io
