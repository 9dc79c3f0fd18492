#include "common/app/options.hpp"
#include "proxy/http/tls_client.hpp"

namespace tfunnel::proxy {

std::string tls_library() { return "no OpenSSL"; }

std::unique_ptr<TlsClient> make_tls_client(const std::string& /*authorities*/) {
  throw app::UsageError(
      "--http-proxy: this tfunnel was built without OpenSSL and cannot speak to an https:// proxy; use an http:// one, "
      "or build with -DWITH_OPENSSL=ON");
}

}  // namespace tfunnel::proxy
