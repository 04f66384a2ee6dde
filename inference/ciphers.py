"""Ciphers of our own TLS connections, whatever Python was built with."""

from __future__ import annotations

SAFE = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"
"""Of TLS 1.2 those with forward secrecy alone: Python's own choice, which builds such as Debian's leave to OpenSSL."""
