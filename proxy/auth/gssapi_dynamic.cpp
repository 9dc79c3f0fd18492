#include <array>
#include <utility>

#include "proxy/auth/gssapi.hpp"
#include "proxy/auth/gssapi_library.hpp"

namespace tfunnel::proxy {

namespace {

// DER of the object identifiers; RFC 4178, 3.2; [MS-NLMP] 1.9; RFC 2743, 4.1; RFC 2744, 4.
constexpr std::array<unsigned char, 6> spnego_bytes{0x2b, 6, 1, 5, 5, 2};
constexpr std::array<unsigned char, 10> ntlm_bytes{0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10};
constexpr std::array<unsigned char, 10> service_bytes{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 1, 4};
constexpr std::array<unsigned char, 10> user_bytes{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 1, 1};
const gss::Oid spnego{spnego_bytes.size(), spnego_bytes.data()};
const gss::Oid ntlm{ntlm_bytes.size(), ntlm_bytes.data()};
const gss::Oid host_based_service{service_bytes.size(), service_bytes.data()};
const gss::Oid user_name{user_bytes.size(), user_bytes.data()};

/// Only read by the library, whose interface knows no const.
gss::Buffer view(const std::string& text) { return {text.size(), const_cast<char*>(text.data())}; }

class GssContext final : public SecurityContext {
 public:
  GssContext(Mechanism mechanism, const std::string& host, std::optional<Credentials> credentials)
      : kerberos_(mechanism == Mechanism::spnego),
        oid_(kerberos_ ? spnego : ntlm),
        service_("HTTP@" + host),
        credentials_(std::move(credentials)) {}
  ~GssContext() override { release(); }

  Step step(const std::string& received) override {
    if (gss_ == nullptr) {
      if (auto failure = begin(); !failure.empty()) return {{}, failure};
    }
    gss::Status minor = 0;
    const auto input = view(received);
    gss::Buffer output;
    // No flag is asked for: the token goes through what is often no protected connection, and protects nothing else.
    const auto major = gss_->init_sec_context(&minor, credential_, &context_, target_, &oid_, 0, 0, nullptr, &input,
                                              nullptr, &output, nullptr, nullptr);
    Step made;
    if (gss::failed(major)) {
      made.failure = explain(major, minor, received.empty());
    } else if (output.length > 0) {
      made.token.assign(static_cast<const char*>(output.value), output.length);
    }
    gss_->release_buffer(&minor, &output);
    return made;
  }

 private:
  /// The fault, if there is one.
  std::string begin() {
    gss_ = gss::load();
    if (gss_ == nullptr) return "the GSSAPI library is not here: install libgssapi-krb5-2 (libgssapi_krb5.so.2)";
    gss::Status minor = 0;
    const auto service = view(service_);
    auto major = gss_->import_name(&minor, &service, &host_based_service, &target_);
    if (!gss::failed(major)) major = acquire(minor);
    if (!gss::failed(major)) return {};
    auto failure = explain(major, minor, true);
    release();
    return failure;
  }

  /// Kerberos takes the ticket that kinit got. NTLM takes the password, else what the system has for it.
  gss::Status acquire(gss::Status& minor) {
    const gss::OidSet mechanisms{1, &oid_};
    if (kerberos_ || !credentials_) {
      return gss_->acquire_cred(&minor, nullptr, 0, &mechanisms, gss::initiate, &credential_, nullptr, nullptr);
    }
    gss::Name user = nullptr;
    const auto name = view(credentials_->user);
    auto major = gss_->import_name(&minor, &name, &user_name, &user);
    if (gss::failed(major)) return major;
    const auto password = view(credentials_->password);
    major = gss_->acquire_cred_with_password(&minor, user, &password, 0, &mechanisms, gss::initiate, &credential_,
                                             nullptr, nullptr);
    gss::Status ignored = 0;
    gss_->release_name(&ignored, &user);
    return major;
  }

  [[nodiscard]] std::string explain(gss::Status major, gss::Status minor, bool first) const {
    const auto error = gss::routine_error(major);
    const auto words = " (" + gss::words(*gss_, major, minor, oid_) + ")";
    if (!first) return "the proxy's token is no good" + words;
    // No credential yet, of whatever kind the failure is.
    if (credential_ == nullptr) return explain_no_credential(error, words);
    if (error == gss::no_credentials && kerberos_) return "there is no Kerberos ticket" + words + ": run kinit";
    if (error == gss::expired_credentials && kerberos_) return "the ticket has expired" + words + ": run kinit";
    return "no token for " + service_ + words;
  }

  [[nodiscard]] std::string explain_no_credential(gss::Status error, const std::string& words) const {
    if (kerberos_) return "there is no Kerberos ticket" + words + ": run kinit";
    if (error == gss::bad_mechanism) return "GSSAPI lacks this mechanism: install gss-ntlmssp";
    if (credentials_) return "the user and password do not fit it" + words;
    return "there are no credentials" + words + ": give --proxy-user and --proxy-password-file";
  }

  void release() {
    if (gss_ == nullptr) return;
    gss::Status minor = 0;
    if (context_ != nullptr) gss_->delete_sec_context(&minor, &context_, nullptr);
    if (credential_ != nullptr) gss_->release_cred(&minor, &credential_);
    if (target_ != nullptr) gss_->release_name(&minor, &target_);
    gss_ = nullptr;
  }

  bool kerberos_;
  gss::Oid oid_;
  std::string service_;
  std::optional<Credentials> credentials_;
  const gss::Library* gss_ = nullptr;  // once begun
  gss::Name target_ = nullptr;
  gss::Credential credential_ = nullptr;
  gss::Context context_ = nullptr;
};

}  // namespace

MakeSecurityContext gssapi_contexts() {
  return [](Mechanism mechanism, const std::string& host, const std::optional<Credentials>& credentials) {
    return std::make_shared<GssContext>(mechanism, host, credentials);
  };
}

}  // namespace tfunnel::proxy
