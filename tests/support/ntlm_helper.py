"""Squid's side of NTLM by GSSAPI (gss-ntlmssp): a helper that checks passwords against the file in NTLM_USER_FILE.

Squid writes "YR" for a new client, "YR TOKEN" or "KK TOKEN" for what one sent; it wants "TT TOKEN" to pass on, "AF USER"
or "NA WHY".
"""

import base64
import sys

import gssapi

NTLMSSP = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")


def answer(context, words):
    token = base64.b64decode(words[1]) if len(words) > 1 else b""
    try:
        reply = context.step(token)
    except gssapi.exceptions.GSSError as problem:
        return "NA " + str(problem).replace("\n", " ")
    if context.complete:
        # The name ends with a zero byte, which would end squid's message too soon.
        return "AF " + str(context.initiator_name).rstrip("\0")
    return "TT " + base64.b64encode(reply).decode()


def main():
    context = None
    for line in iter(sys.stdin.readline, ""):
        words = line.split()
        if words[0] == "YR":
            credentials = gssapi.Credentials(usage="accept", mechs=[NTLMSSP])
            context = gssapi.SecurityContext(creds=credentials, usage="accept")
        print(answer(context, words), flush=True)


if __name__ == "__main__":
    main()
