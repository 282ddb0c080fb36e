"""Provider keys: read from where the configuration says, handed to Envoy in files of its own, never shown.

Envoy reads a key by SDS from one file for each cluster and looks again when the file is replaced
(https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret), so writing it anew rotates the key.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from extproc.config import certificates, sds
from extproc.config.endpoints import Endpoint, Secret, endpoints
from extproc.config.model import Config
from extproc.config.otlp import export, header_secrets
from extproc.config.problems import ConfigError, Problem
from extproc.config.problems import Path as KeyPath
from extproc.config.runtime import RuntimeDir

_MAX_KEY_BYTES = 8192
"""Longest key; servers take header lines of about this size."""

_LEAST_TOKEN = 16
"""Characters of a token that nobody guesses."""

_URL = re.compile(r"^(\w+://)(?:[^/?#]*@)?([^?#]*).*$", re.DOTALL)
_ALL_CAPS = re.compile(r"[A-Z][A-Z0-9_]*")


class _UnusableKeyError(Exception):
    """A key that cannot be used; the message says why and never holds the key."""


def check_secrets(config: Config, environ: Mapping[str, str]) -> None:
    """Read every secret and forget it. ConfigError with all that are missing or unusable."""
    _, problems = _read(config, environ)
    problems += certificates.problems(config)
    for read in (state_password, admin_token):
        try:
            read(config, environ)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)


def write_secrets(config: Config, runtime: RuntimeDir, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Bring Envoy's key files up to date; the same call starts, refreshes and tidies up.

    What can be read is written before a problem is reported, so that one broken source does not hold up another's rotation;
    the file of a key that cannot be read stays as it was.

    Returns:
        The clusters, and the intercepted hosts' secrets, whose file changed.

    Raises:
        ConfigError: a key is missing or unusable.
        OSError: the runtime folder cannot be written.
    """
    values, problems = _read(config, environ)
    folder = _private_folder(runtime)
    values |= {name: value for name, (_, value) in header_secrets(export(config.telemetry.otlp_endpoint, environ)).items()}
    answers = {
        name: sds.answer(name, "generic_secret", {"secret": {"inline_string": value}}) for name, value in values.items()
    } | certificates.secrets(config.intercept)
    wanted = {runtime.secret(name) for name in (*[endpoint.cluster for endpoint in endpoints(config) if endpoint.secret], *answers)}
    for stale in set(folder.glob("*.yaml")) - wanted:
        stale.unlink()
    changed = tuple(name for name, answer in answers.items() if write_private(runtime.secret(name), answer))
    if problems:
        raise ConfigError(problems)
    return changed


def state_password(config: Config, environ: Mapping[str, str]) -> str:
    """Read the password of the state's Redis; empty where none is configured. ConfigError where it cannot be had."""
    return _single(config, "state_password", config.state_password_env, config.state_password_file, environ)


def admin_token(config: Config, environ: Mapping[str, str]) -> str:
    """Read what the admin HTTP asks for; empty where nothing is configured. ConfigError where it cannot be had."""
    env, file = config.admin_token_env, config.admin_token_file
    token = _single(config, "admin_token", env, file, environ)
    if token and len(token) < _LEAST_TOKEN:
        place = ("admin_token_env" if env is not None else "admin_token_file",)
        raise ConfigError(
            [config.source.problem(place, f"expected at least {_LEAST_TOKEN} characters, as `openssl rand -hex 16` gives them")]
        )
    return token


def _single(config: Config, name: str, env: str | None, file: str | None, environ: Mapping[str, str]) -> str:
    """Read the secret that the keys `{name}_env` and `{name}_file` name; empty where neither does."""
    if env is None and file is None:
        return ""
    try:
        return _key(Secret("", env, file), environ)
    except _UnusableKeyError as error:
        problem = config.source.problem((f"{name}_env" if env is not None else f"{name}_file",), str(error))
    raise ConfigError([problem])


def redact(config: Config) -> dict[str, Any]:
    """Give the configuration as JSON data for operators. Names of variables and files are shown, never what they hold."""
    data: dict[str, Any] = _without_userinfo(config.model_dump(mode="json"))
    return data


def config_hash(config: Config) -> str:
    """Give 12 hex digits that name this configuration: the same for any file that says the same, whatever its keys hold."""
    canonical = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _read(config: Config, environ: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Header values by cluster, and what is wrong with the others. A source that several clusters share is reported once."""
    values: dict[str, str] = {}
    problems: dict[KeyPath, Problem] = {}
    for endpoint, secret in _with_secret(config):
        try:
            values[endpoint.cluster] = secret.prefix + _key(secret, environ)
        except _UnusableKeyError as error:
            place = _place(config, endpoint)
            problems[place] = config.source.problem(place, str(error))
    return values, list(problems.values())


def _with_secret(config: Config) -> Iterator[tuple[Endpoint, Secret]]:
    return ((endpoint, endpoint.secret) for endpoint in endpoints(config) if endpoint.secret)


def _place(config: Config, endpoint: Endpoint) -> KeyPath:
    """The key in the configuration that names this endpoint's source: its own, or its model's."""
    model = config.models.draft if endpoint.role == "draft" else config.models.verify
    own = model.dialects.get(endpoint.dialect)
    inside = ("dialects", str(endpoint.dialect)) if own and (own.api_key_env or own.api_key_file) else ()
    key = "api_key_env" if endpoint.secret and endpoint.secret.env is not None else "api_key_file"
    return ("models", str(endpoint.role), *inside, key)


def _key(secret: Secret, environ: Mapping[str, str]) -> str:
    raw = _from_environment(secret.env, environ) if secret.env is not None else _from_file(Path(secret.file or ""))
    key = raw.strip()
    if not key:
        raise _UnusableKeyError("the key is empty")
    if not re.fullmatch(r"[!-~]+", key) or len(key) > _MAX_KEY_BYTES:
        raise _UnusableKeyError("expected the key alone: visible ASCII characters, no blanks or control characters inside, no `Bearer`")
    return key


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if name in environ:
        return environ[name]
    # Whoever puts the key itself here by mistake shall not read it again in a log.
    shown = f" {name}" if _ALL_CAPS.fullmatch(name) else " named here"
    raise _UnusableKeyError(f"the environment variable{shown} is not set")


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_KEY_BYTES * 2).decode()
    except FileNotFoundError:
        raise _UnusableKeyError("the file named here does not exist (a relative path counts from the configuration's folder)") from None
    except UnicodeDecodeError:
        raise _UnusableKeyError("the file named here holds no text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise _UnusableKeyError(f"the file named here cannot be read: {reason}") from None


def _private_folder(runtime: RuntimeDir) -> Path:
    folder = runtime.secret("any").parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def write_private(path: Path, content: bytes) -> bool:
    """Replace a file (mode 0600) in one step, so that a reader sees the old or the new one. False where nothing was to change."""
    with suppress(FileNotFoundError):
        if path.read_bytes() == content:
            return False
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def _without_userinfo(value: Any) -> Any:
    """Cut user, password, query and fragment out of every URL. The checks let none in; a page for people looks twice."""
    if isinstance(value, dict):
        return {key: _without_userinfo(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_userinfo(item) for item in value]
    return _URL.sub(r"\1\2", value) if isinstance(value, str) else value
