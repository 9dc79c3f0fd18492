# Debian 12 packages, named once. Sourced by tests/run.sh and tests/bench/run.sh.
# shellcheck shell=bash disable=SC2034
build_packages=(cmake ninja-build g++ libboost1.81-dev libboost-context1.81-dev libboost-program-options1.81-dev
  libc-ares-dev libmnl-dev libnftables-dev libprotobuf-dev libseccomp-dev libssl-dev protobuf-compiler libcap2-bin)
test_packages=(libgtest-dev clang-format-14 python3 python3-pytest iproute2 nftables iptables ipset socat openssh-server
  openssh-client curl netcat-openbsd procps psmisc openssl dante-server dnsmasq-base bind9-dnsutils squid tinyproxy
  stunnel4 apache2-utils krb5-kdc krb5-admin-server krb5-user gss-ntlmssp
  python3-gssapi python3-protobuf git bubblewrap gdb shellcheck strace
  rsync mosh systemd python3-pip hey default-jre-headless chromium firefox-esr)
# Other packages of Node.js than Debian's bring it along, and conflict with Debian's.
command -v npm >/dev/null || test_packages+=(npm)
# What tests/run.sh --deep needs besides; the libraries are for the static far end.
deep_packages=(clang-14 clang-tidy-14 libc6-dev)

# install_packages NAME...: installs what is missing; says what to do if it may not.
install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "as root: apt-get install ${missing[*]}" >&2; return 1; }
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -q
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}
