"""Configuration → what counts what teams spend, and where it is shared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import state_password
from extproc.core.money import usd
from extproc.core.steps.policies import Spent
from extproc.shell.journal import warn
from extproc.shell.spending import Counts, Keeper
from extproc.shell.spending.file import FileStore
from extproc.shell.spending.keeper import Meters
from extproc.shell.spending.linked import LinkedStore
from extproc.shell.spending.store import Store

_SHOWN = 1000


def keeper(config: Config, runtime: RuntimeDir, index: int, counts: Counts, meters: Meters) -> Keeper:
    """Give what keeps the counts in step with those of other processes, once it is started."""
    return Keeper(counts, partial(_store, config, runtime, index), meters, partial(warn, "state"))


def _store(config: Config, runtime: RuntimeDir, index: int) -> Store:
    if not config.state_is_redis:
        return FileStore(Path(config.state) if config.state else runtime.state)
    near = FileStore(runtime.state)
    if index:  # the first worker speaks for all; it is also the one that hears of most requests
        return near
    from extproc.shell.spending.remote import RemoteStore  # redis-py is installed only where it is wanted

    protected = config.state_password_env is not None or config.state_password_file is not None
    return LinkedStore(near, RemoteStore(config.state, partial(state_password, config, os.environ) if protected else None))


def has_allowances(config: Config) -> bool:
    """Whether any policy limits what a team may spend in a day."""
    return any(section.settings.daily is not None for section in config.policies)


def budgets(config: Config, counts: Counts, kept: Keeper) -> dict[str, Any]:
    """Give the day's counters as JSON data, the highest first."""
    spent = counts.today()
    ranked = sorted(spent.items(), key=lambda item: item[1].pico_usd, reverse=True)
    day = counts.day
    ends = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    return {
        "day": day,
        "ends": ends.isoformat().replace("+00:00", "Z"),
        "state": {"kept_in": config.state or "runtime folder", "heard_s_ago": round(kept.age_s, 3), "problem": kept.trouble},
        "policies": list(_allowances(config, spent)),
        "teams": [{"team": team, **_amounts(one)} for team, one in ranked[:_SHOWN]],
    }


def _allowances(config: Config, spent: Mapping[str, Spent]) -> Iterator[dict[str, Any]]:
    """The allowances of the policies; where one is that of a single team, also how it stands."""
    for section in config.policies:
        if (daily := section.settings.daily) is None:
            continue
        team = daily.team or section.name
        told = {"policy": section.name, "team": team, "usd": daily.usd, "max_tokens": daily.max_tokens, "when_spent": daily.when_spent}
        single = team != "key" and not team.startswith("header:")
        yield {**told, "spent": _amounts(spent.get(team, Spent()))} if single else told


def _amounts(spent: Spent) -> dict[str, Any]:
    return {"usd": usd(spent.pico_usd), "tokens": spent.tokens}
