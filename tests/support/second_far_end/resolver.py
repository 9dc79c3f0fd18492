"""The addresses under which a far end answers DNS: they stand for its host's own nameserver."""

import errno
import ipaddress

_ADDRESSES = (ipaddress.ip_address("198.18.0.53"), ipaddress.ip_address("fd00:7466::53"))
_PORT = 53


def _nameserver():
    with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
        for words in map(str.split, file):
            if len(words) > 1 and words[0] == "nameserver":
                return ipaddress.ip_address(words[1].partition("%")[0])
    return ipaddress.ip_address("127.0.0.1")  # as resolv.conf(5) says


def is_virtual(address):
    return address in _ADDRESSES


def family_of(destination):
    """4 or 6: which kind of socket reaches it."""
    return (_nameserver() if is_virtual(destination[0]) else destination[0]).version


def real(destination):
    """Where to connect instead: itself unless it is virtual. Raises ConnectionRefusedError for any port but DNS."""
    address, port = destination
    if not is_virtual(address):
        return destination
    if port != _PORT:
        raise ConnectionRefusedError(errno.ECONNREFUSED, "nothing but DNS there")
    return _nameserver(), _PORT
