// For systems that cannot load a library at run time.
#include "proxy/auth/gssapi.hpp"

namespace tfunnel::proxy {

namespace {

class NoContext final : public SecurityContext {
 public:
  Step step(const std::string& /*received*/) override { return {{}, "this program was built without GSSAPI"}; }
};

}  // namespace

MakeSecurityContext gssapi_contexts() {
  return [](Mechanism /*mechanism*/, const std::string& /*host*/, const std::optional<Credentials>& /*credentials*/) {
    return std::make_shared<NoContext>();
  };
}

}  // namespace tfunnel::proxy
