"""The certificates of intercepted hosts: whether they can be used, and how Envoy is told of them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

from extproc.config.interception import Intercept, secret_name
from extproc.config.model import Config
from extproc.config.problems import Problem
from extproc.config.sds import answer


def problems(config: Config) -> Iterator[Problem]:
    """Give a problem for each intercepted host whose certificate no client would believe."""
    for host in config.intercept.hosts:
        certificate, key = config.intercept.files(host)
        if reason := unusable(host, certificate, key, certificate):
            yield config.source.problem(("intercept", "certificates"), f"{host}: {reason}")


def unusable(host: str, certificate: Path, key: Path, authorities: Path) -> str:
    """Say why a client that trusts the authorities would not believe this certificate of this host; empty where it would.

    The two meet in memory, as only a handshake looks at everything: key, name, dates, and what the authority may sign.
    """
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        server.load_cert_chain(certificate, key)
        client.load_verify_locations(authorities)
    except FileNotFoundError:
        missing = next(path for path in (certificate, key, authorities) if not path.exists())
        return f"{missing} does not exist; `extproc certificates` makes it"
    except OSError as error:  # ssl.SSLError is one, too
        return f"{certificate} and {key.name} are no certificate and its key: {error.strerror or error}"
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what the authorities are signed by is none of our business
    try:
        _shake_hands(server, client, host)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate: {error.verify_message}"
    except ssl.SSLError as error:
        return f"its certificate: {error.reason}"
    return ""


def secrets(intercept: Intercept) -> dict[str, bytes]:
    """Give, by its name, the SDS answer for each host. Envoy reads the files themselves, and again when the folder changes."""
    return {secret_name(host): _sds(secret_name(host), *intercept.files(host)) for host in intercept.hosts}


def _sds(name: str, certificate: Path, key: Path) -> bytes:
    files = {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
    return answer(name, "tls_certificate", {**files, "watched_directory": {"path": str(key.parent)}})


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> None:
    """SSLError where they do not agree."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(down, up, server_hostname=host), server.wrap_bio(up, down, server_side=True)]
    while sides:
        for side in tuple(sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            sides.remove(side)
