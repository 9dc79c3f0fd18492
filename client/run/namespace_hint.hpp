// Why a user namespace could not be made, and which setting permits it.
#pragma once

#include <optional>
#include <string>

namespace tfunnel::client {

/// What the system says about user namespaces; none: it has no such setting.
struct NamespaceFacts {
  std::optional<long> unprivileged_userns_clone;              // kernel.unprivileged_userns_clone: Debian
  std::optional<long> apparmor_restrict_unprivileged_userns;  // Ubuntu
  std::optional<long> max_user_namespaces;                    // user.max_user_namespaces
  bool in_container = false;
  std::string program;  // the path of this program's file
};

/// A text for a person: what the system refused (`what`, such as "a user namespace", and errno), the setting that
/// forbids it as far as `facts` show one, and the command that changes it. Ends without a newline.
std::string explain_refusal(const std::string& what, int error, const NamespaceFacts& facts);

}  // namespace tfunnel::client
