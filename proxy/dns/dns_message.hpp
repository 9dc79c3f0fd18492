// DNS messages, as far as a forwarder needs to know them (RFC 1035, 4.1). Pure; no byte of a message is trusted.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/core/wire.hpp"

namespace tfunnel::proxy::dns {

using Message = std::vector<std::uint8_t>;

constexpr std::uint16_t port = 53;
constexpr std::size_t header_size = 12;
/// In the third byte of the header: the server is to ask others (RFC 1035, 4.1.1).
constexpr std::uint8_t recursion_desired_bit = 0x01;
/// The largest message: the length before it on a stream has 16 bits (RFC 1035, 4.2.2).
constexpr std::size_t max_message = 65'535;
/// The size that every client takes over UDP (RFC 1035, 4.2.1).
constexpr std::size_t least_udp_limit = 512;

enum class Rcode : std::uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  name_error = 3,  // NXDOMAIN
  not_implemented = 4,
  refused = 5
};

/// A query: large enough for a header, the response bit clear, its question section within it.
bool is_query(core::ByteView message);

/// Does `message` answer `query`: a response with the same id and question? Names compare without regard to case, and
/// an error may leave the question out. REQUIRES: is_query(query).
bool answers(core::ByteView message, core::ByteView query);

struct Question {
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
};
/// The question of a query or response that has exactly one, well-formed.
std::optional<Question> only_question(core::ByteView message);

/// Its header and question section: what answers() looks at. REQUIRES: is_query(query).
Message question_of(core::ByteView query);

/// REQUIRES, for these: at least header_size bytes.
std::uint16_t id_of(core::ByteView message);
/// In network order. REQUIRES: two bytes from `at` on are in the message.
std::uint16_t u16_at(core::ByteView message, std::size_t at);
void set_id(Message& message, std::uint16_t id);
Rcode rcode_of(core::ByteView message);
bool is_truncated(core::ByteView message);

/// How large an answer over UDP may be: what the query's EDNS record says (RFC 6891, 6.2.5), else 512.
std::size_t udp_limit(core::ByteView query);

/// An answer that says only "ask again over TCP" (TC): header and question, and an EDNS record if the query had one.
/// REQUIRES: is_query(query).
Message truncated(core::ByteView answer, core::ByteView query);

/// The answer of a resolver that could not find one. REQUIRES: is_query(query).
Message failure(core::ByteView query, Rcode rcode);

/// The message as it travels on a stream: behind its length (RFC 1035, 4.2.2). REQUIRES: size <= max_message.
Message framed(core::ByteView message);

}  // namespace tfunnel::proxy::dns
