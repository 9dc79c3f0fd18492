// The Host of an HTTP/1 request.
#pragma once

#include "proxy/names/name_sniffer.hpp"

namespace tfunnel::core {

/// Looks for the Host field (RFC 9112, 3.2); a NameSniffer's search. The name comes without the port.
///
/// None in a request to a proxy (RFC 9112, 3.2.2 and 3.2.3): its Host is where that proxy shall go, not where the flow
/// goes. None either if the head is malformed or has several hosts, so it is read to its end: a server refuses such a
/// request, and one of the two may be what somebody else put into the first line.
Finding find_http_host(ByteSource& bytes);

}  // namespace tfunnel::core
