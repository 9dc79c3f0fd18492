#include "proxy/auth/gssapi_library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <optional>

namespace tfunnel::proxy::gss {

namespace {

constexpr std::array<const char*, 2> names{"libgssapi_krb5.so.2", "libgssapi.so.3"};

template <typename Function>
bool find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

std::optional<Library> library_from(void* handle) {
  Library found{};
  const bool complete = find(handle, "gss_import_name", found.import_name) &&
                        find(handle, "gss_release_name", found.release_name) &&
                        find(handle, "gss_acquire_cred", found.acquire_cred) &&
                        find(handle, "gss_acquire_cred_with_password", found.acquire_cred_with_password) &&
                        find(handle, "gss_release_cred", found.release_cred) &&
                        find(handle, "gss_init_sec_context", found.init_sec_context) &&
                        find(handle, "gss_delete_sec_context", found.delete_sec_context) &&
                        find(handle, "gss_display_status", found.display_status) &&
                        find(handle, "gss_release_buffer", found.release_buffer);
  return complete ? std::optional(found) : std::nullopt;
}

std::optional<Library> first_library() {
  for (const auto* name : names) {
    void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) continue;
    if (auto found = library_from(handle)) return found;
    ::dlclose(handle);
  }
  return std::nullopt;
}

std::string words_of(const Library& library, Status code, int kind, const Oid& mechanism) {
  Status minor = 0;
  Status more = 0;
  Buffer text;
  if (failed(library.display_status(&minor, code, kind, &mechanism, &more, &text))) return {};
  std::string words(static_cast<const char*>(text.value), text.length);
  library.release_buffer(&minor, &text);
  // Heimdal's begin with a blank.
  return words.substr(std::min(words.find_first_not_of(' '), words.size()));
}

}  // namespace

const Library* load() {
  static const auto library = first_library();
  return library ? &*library : nullptr;
}

std::string words(const Library& library, Status major, Status minor, const Oid& mechanism) {
  const auto general = words_of(library, major, general_code, mechanism);
  const auto own = minor == 0 ? std::string() : words_of(library, minor, mechanism_code, mechanism);
  return own.empty() ? general : own;
}

}  // namespace tfunnel::proxy::gss
