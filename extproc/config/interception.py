"""Interception: providers' hosts whose connections are taken although the client knows nothing of us (docs/interception.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from extproc.config.strict import Strict
from extproc.config.values import FolderBeside, HostName, HostPort


class Intercept(Strict):
    """Off without hosts. Connections reach the listener by redirect rules (`extproc redirect-rules`)."""

    hosts: list[HostName] = Field(
        [], max_length=50, description="providers' hosts whose calls are taken; every other host passes untouched"
    )
    listen: HostPort = Field(
        "127.0.0.1:15001", description="where redirected connections arrive; on a gateway 0.0.0.0:15001, or [::]:15001 for IPv6, too"
    )
    certificates: FolderBeside = Field(
        "", description="folder with HOST.crt and HOST.key of each host, signed by the organisation's CA; read again when they change"
    )
    plain_http: bool = Field(False, description="calls on port 80, too; other hosts' calls there pass as HTTP, no longer byte by byte")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(set(self.hosts)) < len(self.hosts):
            raise ValueError("a host stands here twice")
        if self.hosts and not self.certificates:
            raise ValueError("expected certificates, the folder with HOST.crt and HOST.key of each host")
        return self

    @property
    def port(self) -> int:
        """The port that is redirected to."""
        return int(self.listen.rpartition(":")[2])

    def files(self, host: str) -> tuple[Path, Path]:
        """Give the files of a host's certificate, with what it is signed by, and of its key."""
        folder = Path(self.certificates)
        return folder / f"{host}.crt", folder / f"{host}.key"


def secret_name(host: str) -> str:
    """Name the SDS secret of a host's certificate."""
    return f"intercept.{host}"
