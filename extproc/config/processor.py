"""The sidecar on the network, for Envoys on other machines (docs/operations.md)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from extproc.config.sds import answer
from extproc.config.strict import Strict
from extproc.config.values import HostPort, KeyFile

CERTIFICATE = "processor_certificate"
AUTHORITY = "processor_authority"
"""Names of the SDS secrets by which such an Envoy knows its own certificate, and whom it believes."""


class Tls(Strict):
    """Each side shows a certificate, and believes one that this authority has signed. All files are read again when they change."""

    ca_file: KeyFile = Field(description="certificate of the authority that signs for both sides, and for nobody else")
    certificate_file: KeyFile = Field(description="this side's certificate; the sidecar's names the host that Envoy connects to")
    key_file: KeyFile = Field(description="its key")


class Processor(Strict):
    """An Envoy on another machine shows prompts and answers to the sidecar, so nothing but mutual TLS will do."""

    listen: HostPort | None = Field(None, description="address for Envoys on other machines, beside the Unix sockets; needs `tls`")
    tls: Tls | None = Field(None, description="mutual TLS, for `extproc serve` and for `extproc envoy-config --processor`")

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.listen and not self.tls and not ip_address(self.listen.rpartition(":")[0].strip("[]")).is_loopback:
            raise ValueError("expected tls, as prompts and answers travel here")
        return self


def unusable(tls: Tls) -> Iterator[tuple[str, str]]:
    """Give each key whose file cannot be used, and why."""
    for key in ("ca_file", "certificate_file", "key_file"):
        try:
            Path(getattr(tls, key)).read_bytes()
        except OSError as error:
            yield key, f"the file named here cannot be read: {error.strerror}"
            return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate_file, tls.key_file)
    except (ssl.SSLError, OSError):
        yield "certificate_file", "expected a certificate in PEM, and in key_file its key"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(tls.ca_file)
    except (ssl.SSLError, OSError):
        yield "ca_file", "expected certificates in PEM"


def sds(tls: Tls) -> Mapping[str, bytes]:
    """Give SDS answers by name; Envoy follows the files that they name by itself, and reads a certificate with its key."""

    def file(path: str) -> dict[str, str]:
        return {"filename": path}

    def watched(path: str) -> dict[str, dict[str, str]]:
        return {"watched_directory": {"path": str(Path(path).parent)}}

    certificate = {
        "certificate_chain": file(tls.certificate_file),
        "private_key": file(tls.key_file),
        **watched(tls.certificate_file),
    }
    authority = {"trusted_ca": file(tls.ca_file), **watched(tls.ca_file)}
    return {
        CERTIFICATE: answer(CERTIFICATE, "tls_certificate", certificate),
        AUTHORITY: answer(AUTHORITY, "validation_context", authority),
    }
