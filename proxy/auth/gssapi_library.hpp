// The binary interface of a GSSAPI library (RFC 2744), as MIT krb5 and Heimdal have it, without their headers: it is
// loaded at run time, where the system has it. Only the part that a client of HTTP needs is here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tfunnel::proxy::gss {

using Status = std::uint32_t;  // OM_uint32

struct Oid {
  std::uint32_t length;
  const void* elements;
};
struct OidSet {
  std::size_t count;
  const Oid* elements;
};
struct Buffer {
  std::size_t length = 0;
  void* value = nullptr;
};
using Name = struct OpaqueName*;
using Credential = struct OpaqueCredential*;
using Context = struct OpaqueContext*;

// RFC 2744, 3.9.1 and 4.
constexpr int initiate = 1;  // GSS_C_INITIATE
constexpr int general_code = 1;
constexpr int mechanism_code = 2;
constexpr Status bad_mechanism = 1U << 16;
constexpr Status no_credentials = 7U << 16;
constexpr Status expired_credentials = 11U << 16;

/// The routine error of a status, zero if there is none.
constexpr Status routine_error(Status status) { return status & 0x00ff0000U; }
/// True for calling errors too. Otherwise there may be notes such as "continue needed".
constexpr bool failed(Status status) { return (status & 0xffff0000U) != 0; }

/// The entry points; each is named gss_ and then as here.
struct Library {
  Status (*import_name)(Status*, const Buffer*, const Oid*, Name*);
  Status (*release_name)(Status*, Name*);
  Status (*acquire_cred)(Status*, Name, Status, const OidSet*, int, Credential*, OidSet**, Status*);
  Status (*acquire_cred_with_password)(Status*, Name, const Buffer*, Status, const OidSet*, int, Credential*, OidSet**,
                                       Status*);
  Status (*release_cred)(Status*, Credential*);
  Status (*init_sec_context)(Status*, Credential, Context*, Name, const Oid*, Status, Status, void*, const Buffer*,
                             Oid**, Buffer*, Status*, Status*);
  Status (*delete_sec_context)(Status*, Context*, Buffer*);
  Status (*display_status)(Status*, Status, int, const Oid*, Status*, Buffer*);
  Status (*release_buffer)(Status*, Buffer*);
};

/// Loads MIT's library, else Heimdal's. Null if the system has neither. It stays loaded: plugins of it keep state and
/// threads that do not survive dlclose(3).
const Library* load();

/// The meaning of a status, in the library's words; the mechanism's own if it has any.
std::string words(const Library& library, Status major, Status minor, const Oid& mechanism);

}  // namespace tfunnel::proxy::gss
