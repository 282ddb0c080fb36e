"""The figures of a time in SQL: SQLite sorts and adds up outside of Python, so that a page does not hold up the requests."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from decimal import Decimal
from typing import Any

from extproc.report.figures import Bucket, Figures, FirstBytes, OutcomeInBucket, Quantiles, dollars

KEYS = {
    "outcome": "outcome",
    "plan": "plan",
    "rule": "rule.value",
    **{name: f"json_extract(record, '$.{name}')" for name in ("team", "policy", "model", "requested_model", "dialect", "turn")},
}
"""What decisions can be told apart by → the expression for it."""

_ZERO = Decimal(0)
NOTHING = Figures(
    requests=0,
    model_requests=0,
    drafted=0,
    draft_use_rate=None,
    cost_usd=_ZERO,
    baseline_usd=_ZERO,
    saved_usd=_ZERO,
    saved_share=None,
    cost_unknown=0,
    input_tokens=0,
    output_tokens=0,
    latency_s=Quantiles(),
    latency_without_direct_s=Quantiles(),
    first_byte_s=Quantiles(),
    first_byte_without_direct_s=Quantiles(),
)

_PERCENTS = (50, 90, 95, 99)
_MICRO = 1_000_000
# A sum of picodollars may be larger than SQLite's integers, so micro- and picodollars are added up apart.
_AMOUNTS = """
  TOTAL(cost / 1000000), TOTAL(cost % 1000000),
  TOTAL(baseline / 1000000), TOTAL(baseline % 1000000),
  TOTAL(CASE WHEN baseline IS NOT NULL THEN cost / 1000000 END), TOTAL(CASE WHEN baseline IS NOT NULL THEN cost % 1000000 END),
  TOTAL(CASE WHEN cost IS NOT NULL THEN baseline / 1000000 END), TOTAL(CASE WHEN cost IS NOT NULL THEN baseline % 1000000 END)
"""


def gather(file: sqlite3.Connection, key: str, since: float) -> None:
    """Set what figures are made of apart in memory, named by a column of `KEYS`: each row of the file has its whole record in it."""
    rules = ", json_each(decisions.record, '$.rules') AS rule" if key.startswith("rule.") else ""
    file.execute("PRAGMA temp_store = MEMORY")
    file.execute(
        f"""CREATE TEMP TABLE gathered AS
        SELECT {key} AS name, outcome, duration_s, first_byte_s, cost, baseline, input_tokens, output_tokens
        FROM decisions{rules} WHERE at >= ?""",  # noqa: S608 - nothing of it comes from outside
        (since,),
    )


def figures(file: sqlite3.Connection, key: str = "name") -> dict[str, Figures]:
    """Give the figures of what was gathered, by name; with another `key` by the values of that expression."""
    sums = file.execute(
        f"""SELECT {key}, COUNT(*), TOTAL(outcome <> 'BYPASSED'), TOTAL(outcome IN ('SKIPPED', 'ACCEPTED', 'FALLBACK')),
        TOTAL(cost IS NULL AND outcome <> 'BYPASSED'), TOTAL(input_tokens), TOTAL(output_tokens), {_AMOUNTS}
        FROM gathered GROUP BY 1"""  # noqa: S608 - nothing of it comes from outside
    ).fetchall()
    ranks = {
        (column, direct): _quantiles(file, key, column, direct=direct)
        for column in ("duration_s", "first_byte_s")
        for direct in (True, False)
    }
    return {row[0]: _figures(row, {which: found.get(row[0], Quantiles()) for which, found in ranks.items()}) for row in sums}


def _figures(row: tuple[Any, ...], ranks: dict[tuple[str, bool], Quantiles]) -> Figures:
    _, requests, asked, drafted, unknown, read, written, *parts = row
    cost, baseline, cost_both, baseline_both = _amounts(parts)
    return Figures(
        requests=requests,
        model_requests=int(asked),
        drafted=int(drafted),
        draft_use_rate=drafted / asked if asked else None,
        cost_usd=dollars(cost),
        baseline_usd=dollars(baseline),
        saved_usd=dollars(baseline_both - cost_both),
        saved_share=(baseline_both - cost_both) / baseline_both if baseline_both else None,
        cost_unknown=int(unknown),
        input_tokens=int(read),
        output_tokens=int(written),
        latency_s=ranks["duration_s", True],
        latency_without_direct_s=ranks["duration_s", False],
        first_byte_s=ranks["first_byte_s", True],
        first_byte_without_direct_s=ranks["first_byte_s", False],
    )


def _amounts(parts: list[float]) -> list[int]:
    return [int(micro) * _MICRO + int(rest) for micro, rest in zip(parts[::2], parts[1::2], strict=True)]


def _quantiles(file: sqlite3.Connection, key: str, column: str, *, direct: bool) -> dict[str, Quantiles]:
    """Nearest ranks: of n values in order, the one at position n·p/100, rounded up."""
    left_out = "('BYPASSED')" if direct else "('BYPASSED', 'DIRECT')"
    # Rows are numbered as they come, so to sort once is enough: window functions cost several times as much.
    file.execute(
        f"""CREATE TEMP TABLE ranked AS SELECT {key} AS name, {column} AS value FROM gathered
        WHERE {column} IS NOT NULL AND outcome NOT IN {left_out} ORDER BY 1, 2"""  # noqa: S608 - nothing of it comes from outside
    )
    places = file.execute("SELECT name, MIN(rowid), COUNT(*) FROM ranked GROUP BY 1").fetchall()
    wanted = [(name, [first + -(-count * percent // 100) - 1 for percent in _PERCENTS]) for name, first, count in places]
    value = "SELECT value FROM ranked WHERE rowid = ?"
    found = {name: Quantiles(*[file.execute(value, (row,)).fetchone()[0] for row in rows]) for name, rows in wanted}
    file.execute("DROP TABLE ranked")
    return found


def series(file: sqlite3.Connection, since: float, bucket_s: float) -> list[Bucket]:
    """Give what happened since a Unix time, in stretches that begin at multiples of `bucket_s`."""
    slot = "CAST(at / ? AS INTEGER)"
    outcomes: defaultdict[int, dict[str, OutcomeInBucket]] = defaultdict(dict)
    for number, outcome, count, *ranks in file.execute(
        f"""SELECT slot, outcome, COUNT(*),
          MIN(CASE WHEN rank * 2 >= n THEN duration_s END), MIN(CASE WHEN rank * 100 >= n * 95 THEN duration_s END),
          MIN(CASE WHEN first_rank * 2 >= firsts THEN first_byte_s END),
          MIN(CASE WHEN first_rank * 100 >= firsts * 95 THEN first_byte_s END)
        FROM (SELECT slot, outcome, duration_s, first_byte_s,
            ROW_NUMBER() OVER (PARTITION BY slot, outcome ORDER BY duration_s) AS rank,
            COUNT(*) OVER (PARTITION BY slot, outcome) AS n,
            ROW_NUMBER() OVER (PARTITION BY slot, outcome ORDER BY first_byte_s NULLS LAST) AS first_rank,
            COUNT(first_byte_s) OVER (PARTITION BY slot, outcome) AS firsts
          FROM (SELECT {slot} AS slot, outcome, duration_s, first_byte_s FROM decisions WHERE at >= ?))
        GROUP BY 1, 2""",  # noqa: S608 - nothing of it comes from outside
        (bucket_s, since),
    ):
        p50, p95, first50, first95 = ranks
        outcomes[number][outcome] = OutcomeInBucket(requests=count, p50_s=p50, p95_s=p95, first_p50_s=first50, first_p95_s=first95)
    made = []
    rows = file.execute(f"SELECT {slot}, COUNT(*), {_AMOUNTS} FROM decisions WHERE at >= ? GROUP BY 1 ORDER BY 1", (bucket_s, since))  # noqa: S608 - ours
    for number, count, *parts in rows:
        cost, baseline, cost_both, baseline_both = _amounts(parts)
        made.append(
            Bucket(
                at=number * bucket_s,
                requests=count,
                cost_usd=dollars(cost),
                baseline_usd=dollars(baseline),
                saved_usd=dollars(baseline_both - cost_both),
                outcomes=outcomes[number],
            )
        )
    return made


def first_bytes(file: sqlite3.Connection, since: float, bucket_s: float) -> list[FirstBytes]:
    """Give the median time to the first byte for each plan since a Unix time, in stretches that begin at multiples of `bucket_s`."""
    plans: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for slot, plan, median in file.execute(
        """SELECT slot, plan, MIN(CASE WHEN rank * 2 >= n THEN first_byte_s END)
        FROM (SELECT slot, plan, first_byte_s,
            ROW_NUMBER() OVER (PARTITION BY slot, plan ORDER BY first_byte_s) AS rank, COUNT(*) OVER (PARTITION BY slot, plan) AS n
          FROM (SELECT CAST(at / ? AS INTEGER) AS slot, plan, first_byte_s FROM decisions
            WHERE at >= ? AND first_byte_s IS NOT NULL AND outcome NOT IN ('BYPASSED', 'FAILED')))
        GROUP BY 1, 2 ORDER BY 1""",
        (bucket_s, since),
    ):
        plans[slot][plan] = median
    return [FirstBytes(at=slot * bucket_s, plans=found) for slot, found in plans.items()]
