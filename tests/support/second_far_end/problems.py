"""What the other end did wrong, in the words of the document's table; and what the kernel says, as a Reason."""

import errno

from messages import pb


class ProtocolError(Exception):
    """The message is the text of a row of "Protocol errors"."""


class NoTunnel(Exception):
    """The other end is no tfunnel, or one of another version: there is nobody to send a GoAway to."""


TOO_LARGE = "a frame is larger than 1 MiB"
UNPARSABLE = "a frame cannot be parsed"
NOT_LAST = "a payload is not the last field of its frame"
NOT_HELLO = "the first frame is not Hello"
SECOND_HELLO = "a second Hello arrived"
SAME_ROLE = "both ends have the same role"
NOT_FREE = "a new flow has an id that is not free"
NEVER_OPENED = "a frame names a flow that was never opened"
TOO_MANY = "more flows were opened than agreed"
TOO_MUCH_DATA = "more data arrived than was granted"
TOO_MUCH_CREDIT = "a flow was granted more credit than a window can hold"
AFTER_END = "data arrived after the end of its flow"
BAD_OPEN = "an Open frame is incomplete or has a bad address"
WRONG_TRANSPORT = "a frame does not fit the transport of its flow"

_REASONS = {
    errno.ECONNREFUSED: pb.REASON_REFUSED,
    errno.EHOSTUNREACH: pb.REASON_HOST_UNREACHABLE,
    errno.EHOSTDOWN: pb.REASON_HOST_UNREACHABLE,
    errno.ENETUNREACH: pb.REASON_NETWORK_UNREACHABLE,
    errno.ENETDOWN: pb.REASON_NETWORK_UNREACHABLE,
    errno.EAFNOSUPPORT: pb.REASON_NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: pb.REASON_NETWORK_UNREACHABLE,
    errno.ETIMEDOUT: pb.REASON_TIMED_OUT,
    errno.ECONNRESET: pb.REASON_PEER_RESET,
    errno.EPIPE: pb.REASON_PEER_RESET,
    errno.EACCES: pb.REASON_DENIED,
    errno.EPERM: pb.REASON_DENIED,
    errno.EMFILE: pb.REASON_RESOURCE_LIMIT,
    errno.ENFILE: pb.REASON_RESOURCE_LIMIT,
    errno.ENOBUFS: pb.REASON_RESOURCE_LIMIT,
    errno.ENOMEM: pb.REASON_RESOURCE_LIMIT,
}


def reason_of(problem):
    """The Reason for an OSError, or for its number."""
    number = problem if isinstance(problem, int) else problem.errno
    if isinstance(problem, TimeoutError) and number is None:
        number = errno.ETIMEDOUT  # of asyncio
    return _REASONS.get(number, pb.REASON_UNSPECIFIED)
