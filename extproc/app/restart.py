"""What of a changed configuration cannot take effect while things run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from extproc.config.model import Config
from extproc.config.problems import Path
from extproc.core.vocabulary import Mode
from extproc.envoyconf.parts import Node
from extproc.envoyconf.routes import is_processed

Render = Callable[[Config], Node]

_FIXED: tuple[Path, ...] = (
    ("listen",),
    ("admin",),
    ("admin_token_env",),
    ("admin_token_file",),
    ("envoy_admin",),
    ("workers",),
    ("transport",),
    ("processor",),
    ("runtime_dir",),
    ("drain_s",),
    ("limits",),
    ("decisions",),
    ("state",),
    ("state_password_env",),
    ("state_password_file",),
    ("telemetry", "otlp_endpoint"),
)
"""What a process is made of when it starts."""
_ABSENT = object()


def restart_keys(started: Config, wanted: Config, render: Render) -> list[Path]:
    """Name the keys that differ and take effect only after a restart: of Envoy, or of our processes.

    Args:
        started: what Envoy and our processes were started with.
        wanted: what the file says now.
        render: gives Envoy's part of a configuration (its bootstrap).
    """
    before, after = (config.model_dump(mode="json", by_alias=True) for config in (started, wanted))
    changed = list(_differences(before, after))
    fixed = [path for path in changed if any(path[: len(key)] == key for key in _FIXED)]
    others = [path for path in changed if path not in fixed]
    envoys = _rendered(started, started, render)

    def differs(paths: list[Path]) -> bool:
        return _rendered(started, _with(before, after, paths), render) != envoys

    if others and differs(others):
        blamed = [path for path in others if _with(before, after, [path]) and differs([path])]
        rest = [path for path in others if path not in blamed]
        fixed += blamed + (rest if rest and differs(rest) else [])
    return fixed


def _rendered(started: Config, config: Config | None, render: Render) -> Node | None:
    """Envoy's part of a configuration, beside the one that it was started with; None where there is no such configuration.

    An Envoy that hands requests to us does so in every mode, as we leave them alone ourselves where it is off: so it can be switched off
    at once.
    """
    if config is None:
        return None
    return render(config.model_copy(update={"mode": Mode.ENFORCE}) if is_processed(started) else config)


def _differences(before: Any, after: Any, path: Path = ()) -> Iterator[Path]:
    """Give the smallest parts that differ. A list whose length has changed is one part."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _differences(before.get(key, _ABSENT), after.get(key, _ABSENT), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _differences(*pair, (*path, str(index)))
    else:
        yield path


def _with(before: Any, after: Any, paths: list[Path]) -> Config | None:
    """The configuration before, but with the values after at some places; None where that is none."""
    try:
        return Config.model_validate(_merged(before, after, paths))
    except ValidationError:
        return None


def _merged(before: Any, after: Any, paths: list[Path]) -> Any:
    if () in paths:
        return after
    steps = {path[0] for path in paths}
    if isinstance(before, dict):
        merged = {key: value for key, value in before.items() if key not in steps}
        for key in steps:
            value = _merged(before.get(key, _ABSENT), after.get(key, _ABSENT), [path[1:] for path in paths if path[0] == key])
            if value is not _ABSENT:
                merged[key] = value
        return merged
    return [
        _merged(item, after[index], [path[1:] for path in paths if path[0] == str(index)]) if str(index) in steps else item
        for index, item in enumerate(before)
    ]
