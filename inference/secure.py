"""What every TLS connection of ours keeps to, whatever Python was built with."""

from __future__ import annotations

import ssl

CIPHERS = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"
"""Of TLS 1.2 those with forward secrecy alone: Python's own choice, which builds such as Debian's leave to OpenSSL."""


def context(protocol: int = ssl.PROTOCOL_TLS_CLIENT) -> ssl.SSLContext:
    """TLS 1.2 or newer by safe ciphers, trusting nobody yet."""
    made = ssl.SSLContext(protocol)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(CIPHERS)
    return made
