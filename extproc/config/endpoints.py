"""From configured models to endpoints: who is called where, in which dialect, with whose credential. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from extproc.config.model import Config, Credential, Model
from extproc.core.vocabulary import PATHS, Dialect, Role

_VERSION = re.compile(r"/v\d+[a-z0-9]*$")
_DEFAULT_HEADER = {Dialect.ANTHROPIC: "x-api-key", Dialect.OPENAI_CHAT: "authorization", Dialect.OPENAI_RESPONSES: "authorization"}
_PATH_OF = {dialect: path for path, dialect in PATHS.items()}


@dataclass(frozen=True, slots=True)
class Upstream:
    """A host to connect to, and the path that its API root stands under."""

    host: str
    port: int
    tls: bool
    root: str
    """Path of the API root without a trailing slash; empty for a bare host. May end in a version (`/v1`)."""

    @classmethod
    def of(cls, base_url: str) -> Upstream:
        """Take a checked `base_url` apart."""
        parts = urlsplit(base_url)
        tls = parts.scheme == "https"
        return cls(parts.hostname or "", parts.port or (443 if tls else 80), tls, parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """Value of the `host` header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    def path(self, path: str) -> str:
        """Where `/v1/...` lies at this upstream: under the root, whose own version replaces `/v1`."""
        if _VERSION.search(self.root) and (path == "/v1" or path.startswith("/v1/")):
            return self.root + path[len("/v1") :]
        return self.root + path


@dataclass(frozen=True, slots=True)
class Secret:
    """A provider key that Envoy puts into a header; the key itself is read late, from its source."""

    header: str
    env: str | None
    file: str | None

    @property
    def prefix(self) -> str:
        """What stands before the key in the header's value."""
        return "Bearer " if self.header == "authorization" else ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model under one dialect: one Envoy cluster."""

    role: Role
    dialect: Dialect
    cluster: str
    upstream: Upstream
    path: str
    """Request path at the upstream."""
    model: str | None
    """Model name at the provider; None keeps the client's."""
    forward: bool
    """The client's own credential goes upstream."""
    secret: Secret | None


def endpoints(config: Config) -> tuple[Endpoint, ...]:
    """All endpoints of both models: the draft's first, each model's own dialect first."""
    return (*_of_model(Role.DRAFT, config.models.draft), *_of_model(Role.VERIFY, config.models.verify))


def _of_model(role: Role, model: Model) -> Iterator[Endpoint]:
    yield _endpoint(role, model.dialect, str(role), model.base_url, model.model, model)
    for dialect, other in model.dialects.items():
        has_own = any((other.api_key, other.api_key_env, other.api_key_file))
        credential = other if has_own else model.model_copy(update={"api_key_header": other.api_key_header})
        yield _endpoint(role, dialect, f"{role}_{dialect}", other.base_url or model.base_url, other.model or model.model, credential)


def _endpoint(role: Role, dialect: Dialect, cluster: str, base_url: str, model: str, credential: Credential) -> Endpoint:
    upstream = Upstream.of(base_url)
    return Endpoint(
        role=role,
        dialect=dialect,
        cluster=cluster,
        upstream=upstream,
        path=upstream.path(_PATH_OF[dialect]),
        model=None if model == "keep" else model,
        forward=credential.api_key == "forward" or (role is Role.VERIFY and not (credential.api_key_env or credential.api_key_file)),
        secret=_secret(dialect, credential),
    )


def _secret(dialect: Dialect, credential: Credential) -> Secret | None:
    if credential.api_key_env is None and credential.api_key_file is None:
        return None
    header = (credential.api_key_header or _DEFAULT_HEADER[dialect]).lower()
    return Secret(header, credential.api_key_env, credential.api_key_file)
