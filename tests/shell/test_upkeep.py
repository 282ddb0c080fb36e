"""The configuration in use, and how it stands to its file, as metrics tell it."""

from __future__ import annotations

from pathlib import Path

from extproc.shell.meters import Meters
from extproc.shell.tallies import Shared


def told(meters: Meters, name: str) -> list[str]:
    return [line for line in meters.exposition()[0].decode().splitlines() if line.startswith(f"{name}{{")]


def test_only_the_configuration_in_use_is_told():
    meters = Meters("1", "first")
    meters.upkeep.configured("second")
    assert told(meters, "cascade_config_info") == ['cascade_config_info{hash="second"} 1.0']


def test_reloads_are_counted_by_the_one_who_makes_them():
    meters = Meters("1", "hash")
    meters.upkeep.reloaded({"applied": 2, "invalid": 1}, "invalid")
    meters.upkeep.reloaded({"applied": 2, "invalid": 1}, "invalid")
    assert told(meters, "cascade_config_reloads_total") == [
        'cascade_config_reloads_total{result="applied"} 2.0',
        'cascade_config_reloads_total{result="invalid"} 1.0',
    ]
    assert told(meters, "cascade_config_pending") == [
        'cascade_config_pending{reason="invalid"} 1.0',
        'cascade_config_pending{reason="restart"} 0.0',
    ]
    meters.upkeep.reloaded({"applied": 3, "invalid": 1}, "")
    assert told(meters, "cascade_config_reloads_total")[0].endswith(" 3.0")
    assert {line.rpartition(" ")[2] for line in told(meters, "cascade_config_pending")} == {"0.0"}


def test_a_worker_that_is_started_again_counts_none_twice(tmp_path: Path):
    for _ in range(3):
        meters = Meters("1", "hash", Shared(tmp_path, 0))
        meters.upkeep.reloaded({"applied": 2}, "")
        assert told(meters, "cascade_config_reloads_total") == ['cascade_config_reloads_total{result="applied"} 2.0']


def test_of_workers_on_two_configurations_both_are_told_and_of_one_it_is_told_once(tmp_path: Path):
    one, other = (Meters("1", "old", Shared(tmp_path, index)) for index in range(2))
    one.upkeep.configured("new")
    other.flush()
    assert len(told(one, "cascade_config_info")) == 2
    other.upkeep.configured("new")
    other.flush()
    assert told(one, "cascade_config_info") == ['cascade_config_info{hash="new"} 1.0']
