"""Mutual TLS of the gRPC server, with certificates that may be replaced while it runs."""

from __future__ import annotations

from pathlib import Path

import grpc

from extproc.config.processor import Tls, unusable

_Mark = tuple[int, ...]


def credentials(tls: Tls) -> grpc.ServerCredentials:
    """Give credentials that ask every client for a certificate. OSError where a file cannot be read."""
    rotation = _Rotation(tls)
    return grpc.dynamic_ssl_server_credentials(_read(tls), rotation, require_client_authentication=True)  # type: ignore[arg-type] # None: stay


class _Rotation:
    """Is asked before each handshake, by a thread of grpc's, whether there is something new."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._seen = _mark(tls)

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        """Give what is new. Half of a replacement, or one that is broken, is not: what was good last stays."""
        if (now := _mark(self._tls)) == self._seen or any(unusable(self._tls)):
            return None
        self._seen = now
        return _read(self._tls)


def _mark(tls: Tls) -> _Mark:
    try:
        found = [Path(file).stat() for file in (tls.key_file, tls.certificate_file, tls.ca_file)]
    except OSError:
        return ()
    return tuple(number for one in found for number in (one.st_ino, one.st_mtime_ns, one.st_size))


def _read(tls: Tls) -> grpc.ServerCertificateConfiguration:
    key, certificate, authority = (Path(file).read_bytes() for file in (tls.key_file, tls.certificate_file, tls.ca_file))
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authority)
