"""TLS to a node: whom we trust, who we are, and in a sentence what kept a safe connection from being made.

TLS 1.2 or newer, both sides may show a certificate (PS3.15 B.12, which is BCP 195).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from app.pacs.errors import PacsError
from app.pacs.nodes import Node
from inference import secure

EXPIRED, EARLY = 10, 9
OTHER_NAME = (62, 64)
UNVOUCHED = (2, 18, 19, 20, 21)
"""Of OpenSSL's X509_V_ERR codes."""
SHOWN = 60
"""Letters of a library's own words."""
OFFERED = "or ask who runs it whether it offers TLS"


def context(node: Node) -> ssl.SSLContext:
    """Of a connection to the node. Reads its files. Raises PacsError."""
    return _made(node, ssl.PROTOCOL_TLS_CLIENT, ssl.Purpose.SERVER_AUTH)


def receiving(node: Node) -> ssl.SSLContext:
    """Of a connection the node makes to us, in which it shows its certificate too. Raises PacsError."""
    if not node.cert_file:
        raise PacsError(
            f"{node.name}: for C-MOVE with TLS we need a certificate and key of our own; enter them, or retrieve by C-GET."
        )
    made = _made(node, ssl.PROTOCOL_TLS_SERVER, ssl.Purpose.CLIENT_AUTH)
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def _made(node: Node, protocol: int, purpose: ssl.Purpose) -> ssl.SSLContext:
    made = secure.context(protocol)
    if node.ca_file:
        _trust(made, node, "CA file", node.ca_file)
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the archive's own certificate will do, whoever signed it
    else:
        from inference.endpoint_talk import trust_system

        trust_system(made, purpose)
    if node.cert_file:
        _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), node, "certificate", node.cert_file)
        _identify(made, node)
    return made


def _trust(made: ssl.SSLContext, node: Node, what: str, path: str) -> None:
    _check_readable(node, what, path)
    try:
        made.load_verify_locations(path)
    except ssl.SSLError as error:
        form = "it must be text with -----BEGIN CERTIFICATE-----"
        raise PacsError(f"{node.name}: the {what} {path} holds no certificate that can be read; {form}.") from error


def _identify(made: ssl.SSLContext, node: Node) -> None:
    key, locked = node.key_file or node.cert_file, list[bool]()
    _check_readable(node, "key", key)

    def password() -> str:  # without it OpenSSL would ask on the terminal
        locked.append(True)
        return ""

    try:
        made.load_cert_chain(node.cert_file, key, password)
    except ssl.SSLError as error:
        reason = error.reason or ""
        if locked:
            why = "is locked with a password, which Hilum cannot unlock; name a copy without one that only you can read"
        elif "MISMATCH" in reason:
            why = f"does not belong to the certificate {node.cert_file}; choose both again"
        elif "SMALL" in reason or "WEAK" in reason:
            why = f"or the certificate {node.cert_file} is too weak to be used; ask who made them for stronger ones"
        elif node.key_file:
            why = "holds no private key that can be read; it must be text with -----BEGIN PRIVATE KEY-----"
        else:
            why = "is not in the file of its certificate, or cannot be read there; name the file that holds it"
        raise PacsError(f"{node.name}: the key {node.key_file or 'of ' + node.cert_file} {why}.") from error


def _check_readable(node: Node, what: str, path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no path"
        raise PacsError(f"{node.name}: the {what} {path} cannot be read ({why}); choose it again.") from error


def why_not(node: Node, error: ssl.SSLError) -> str:
    """One sentence for what OpenSSL said, when connecting or after."""
    where = f"{node.name} ({node.address})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{where} shows {_mistrust(node, error)}."
    reason = (error.reason or "").upper()
    if "CERTIFICATE_REQUIRED" in reason or ("CERT" in reason and not node.cert_file):
        return f"{where} wants a certificate of ours; ask who runs it for one, and enter it and its key for this node."
    if "UNKNOWN_CA" in reason or "CERT" in reason or "DECRYPT_ERROR" in reason or "ACCESS_DENIED" in reason:
        expired = " because it has expired" if "EXPIRED" in reason else ""
        return f"{where} does not accept our certificate {node.cert_file}{expired}; ask who runs it."
    if "PROTOCOL_VERSION" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return f"{where} speaks only a TLS older than 1.2, which is not safe any more; ask who runs it."
    if "HANDSHAKE_FAILURE" in reason or "DH_KEY_TOO_SMALL" in reason:
        ours = "" if node.cert_file else ", or wants a certificate of ours"
        return f"{where} breaks off the TLS handshake: it knows no cipher that is still safe{ours}; ask who runs it."
    return f"{where} does not speak TLS on this port; check the port, {OFFERED}."


def silent(node: Node) -> str:
    """For one that takes the connection, and then nothing comes."""
    return f"{node.name} ({node.address}) takes the connection but does not answer in TLS; check the port, {OFFERED}."


def closed(node: Node, agreed: bool) -> str:
    """For one that hung up when asked for TLS, or right after TLS was `agreed` on."""
    ours = "does not accept our certificate" if node.cert_file else "wants a certificate of ours"
    if agreed:
        return f"{node.name} ({node.address}) hung up after the TLS handshake: it probably {ours}; ask who runs it."
    return f"{node.name} ({node.address}) hung up when asked for TLS: it has none on this port, or {ours}; ask who runs it."


def _mistrust(node: Node, error: ssl.SSLCertVerificationError) -> str:
    code = error.verify_code
    if code in OTHER_NAME:
        return "a certificate that was made for another host; enter the host by the name its certificate has, or ask who runs it"
    if code == EXPIRED:
        return "a certificate that has expired; ask who runs it for a new one, and check the date of this machine"
    if code == EARLY:
        return "a certificate that is not valid yet; check the date of this machine, or ask who runs it"
    if code in UNVOUCHED:
        if node.ca_file:
            return f"a certificate that the CA file {node.ca_file} does not vouch for; ask who runs it for the right file"
        return "a certificate that nobody known to this machine vouches for; ask who runs it for the CA file, and name it here"
    return f"a certificate that cannot be trusted ({error.verify_message[:SHOWN]}); ask who runs it"
