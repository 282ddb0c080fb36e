"""Gauges and counters of what goes on beside the requests: the configuration in use, and what teams have spent."""

from __future__ import annotations

from collections.abc import Mapping

from extproc.core.money import usd
from extproc.core.steps.policies import Spent
from extproc.shell.exposition import Told
from extproc.shell.tallies import MOST, OTHER, Counts, Gauge, Key, State

UPKEEP = {
    "cascade_config_info": Told("gauge", "Configuration of this processor", ("hash",)),
    "cascade_config_reloads": Told("counter", "Looks at a configuration file that had changed", ("result",)),
    "cascade_config_pending": Told("gauge", "1 while the configuration file is not the one in use", ("reason",)),
    "cascade_team_spent_usd": Told("gauge", "Spent by a team today (UTC), in all sidecars that share it: take the highest", ("team",)),
    "cascade_team_spent_tokens": Told("gauge", "Tokens of a team today (UTC), in all sidecars that share it: take the highest", ("team",)),
    "cascade_state_age_seconds": Told("gauge", "For how long it has not been heard what other processes spend"),
    "cascade_state_errors": Told("counter", "Failures to share what teams spend"),
}
HIGHEST = frozenset(UPKEEP) - {"cascade_config_reloads", "cascade_state_errors"}
"""Gauges of which the highest of all workers is told, not the sum."""
PENDING = ("invalid", "restart")
"""Why a configuration file is not in use."""


class Upkeep:
    """These numbers of one worker."""

    def __init__(self, state: State) -> None:
        self._config = Gauge(state, "cascade_config_info")
        self._reloads = Counts(state, "cascade_config_reloads")
        self._pending = Gauge(state, "cascade_config_pending")
        self._usd = Gauge(state, "cascade_team_spent_usd")
        self._tokens = Gauge(state, "cascade_team_spent_tokens")
        self._age = Gauge(state, "cascade_state_age_seconds")
        self._errors = Counts(state, "cascade_state_errors")

    def configured(self, config_hash: str) -> None:
        """Say by which configuration requests are decided from now on."""
        self._config.replace({(config_hash,): 1})

    def reloaded(self, results: Mapping[str, int], pending: str) -> None:
        """Say how often a changed file was looked at, by result, and why the file as it is now is not in use; empty where it is."""
        for result, count in results.items():
            self._reloads.reach((result,), count)
        self._pending.replace({(reason,): float(reason == pending) for reason in PENDING})

    def shared(self, spent: Mapping[str, Spent], age_s: float, *, failed: bool) -> None:
        """See `spending.keeper.Meters`. Beyond the most label sets the smallest spenders are told together."""
        self._errors.add((), int(failed))
        self._age.set(age_s)
        ranked = sorted(spent.items(), key=lambda item: item[1].pico_usd, reverse=True)
        told = {(team,): one for team, one in ranked[: MOST - 1]}
        self._usd.replace(
            {key: usd(one.pico_usd) for key, one in told.items()} | _rest([usd(one.pico_usd) for _, one in ranked[MOST - 1 :]])
        )
        self._tokens.replace({key: one.tokens for key, one in told.items()} | _rest([one.tokens for _, one in ranked[MOST - 1 :]]))


def _rest(values: list[float] | list[int]) -> dict[Key, float]:
    return {(OTHER,): sum(values)} if values else {}
