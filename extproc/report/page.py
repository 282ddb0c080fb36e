"""A report as one HTML page: no script, no network, dark and light, readable without its plots."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from extproc.report import plots, tables
from extproc.report.figures import Group, Report
from extproc.report.wording import exact, moment, percent, rounded, span

_STYLE = """
:root { color-scheme: light dark;
  --ground: light-dark(#ffffff, #14181d); --text: light-dark(#1b1f23, #e4e7ea); --faint: light-dark(#586069, #a0a8b0);
  --line: light-dark(#d9dcdf, #323941); }
.SKIPPED { --mark: light-dark(#007b59, #51d39b) } .ACCEPTED { --mark: light-dark(#0e9fd3, #47ecf9) }
.FALLBACK { --mark: light-dark(#8f7411, #f1d854) } .ENHANCED { --mark: light-dark(#3648bc, #407ee9) }
.RESCUED { --mark: light-dark(#d08220, #f19020) } .DIRECT { --mark: light-dark(#68228f, #a858bc) }
.BYPASSED, .plain { --mark: light-dark(#7e8286, #6f7477) } .FAILED { --mark: light-dark(#b20e17, #dd3b33) }
.cost { --mark: light-dark(#3648bc, #407ee9) } .baseline { --mark: light-dark(#c9ced3, #3d4650) }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.25rem; max-width: 76rem; background: var(--ground); color: var(--text);
  font: 0.875rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums }
h1 { font-size: 1.25rem; margin: 0 } h2 { font-size: 1rem; margin: 2rem 0 0.5rem } p { color: var(--faint); margin: 0.25rem 0 }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1rem; margin: 1.25rem 0;
  padding: 1rem 0; border-block: 1px solid var(--line) }
dt { color: var(--faint) } dd { margin: 0 } dd:first-of-type { font-size: 1.25rem; font-weight: 600; overflow-wrap: anywhere }
.table { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { padding: 0.25rem 0.75rem 0.25rem 0; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line) }
th { font-weight: 400; color: var(--faint) } th:first-child { text-align: left } tbody th { color: var(--text) }
svg { display: block; width: 100%; height: auto; max-width: 60rem } .mark { fill: var(--mark) }
.stroke { stroke: var(--mark); stroke-width: 2 } .grid { stroke: var(--line) } .axis { fill: var(--faint); font-size: 11px }
.key { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; color: var(--faint); margin: 0.25rem 0; padding: 0; list-style: none }
.key li::before { content: ""; display: inline-block; width: 0.65rem; height: 0.65rem; margin-right: 0.4rem; background: var(--mark) }
"""


def as_html(report: Report) -> str:
    """Write the page."""
    whole = report.summary.all
    since_s = report.summary.since_s
    time = "all that is kept" if since_s is None else f"the last {span(since_s)}"
    about = f"{moment(report.summary.first_at)} to {moment(report.summary.last_at)}, {time}; made {moment(report.made_at)}."
    body = [f"<h1>Cascade report</h1><p>{escape(about)}</p><p>{escape(report.source)}</p>"]
    if whole.requests:
        body += [_totals(report), *_plots(report)]
        body += [_section("Time", _table(["", *tables.RANKS], tables.quantile_rows(whole)))]
        body += [_section("By outcome", _groups("outcome", tables.outcomes(report)))]
        if report.by != "outcome":
            body.append(_section(f"By {report.by.replace('_', ' ')}", _groups(report.by, report.groups)))
        body.append("<p>Amounts in tables are rounded to 6 decimals; <code>--format csv</code> and <code>json</code> have all digits.</p>")
    else:
        body.append("<p>No requests in this time.</p>")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Cascade report</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head><body>{"".join(body)}</body></html>\n'


def _totals(report: Report) -> str:
    whole = report.summary.all
    told = [
        ("Answered by the draft", percent(whole.draft_use_rate), f"{whole.drafted:,} of {whole.model_requests:,}, DIRECT among them"),
        ("Saved", rounded(whole.saved_usd, 2), f"{exact(whole.saved_usd)}, {percent(whole.saved_share)} of the next"),
        ("Verify alone", rounded(whole.baseline_usd, 2), exact(whole.baseline_usd)),
        ("Cost", rounded(whole.cost_usd, 2), exact(whole.cost_usd)),
        ("Requests", f"{whole.requests:,}", f"{whole.cost_unknown:,} of unknown cost, in no amount" if whole.cost_unknown else ""),
    ]
    return (
        "<dl>"
        + "".join(f"<div><dt>{name}</dt><dd>{value}</dd><dd><small>{more}</small></dd></div>" for name, value, more in told)
        + "</dl>"
    )


def _plots(report: Report) -> list[str]:
    seen = [name for name in plots.ORDER if name in report.summary.outcomes]
    step = f"<p>Bars of {span(report.bucket_s)}.</p>"
    return [
        _section("Outcomes", step + plots.outcome_mix(report) + _key([(name, name) for name in seen])),
        _section("Money", plots.money(report) + _key([("baseline", "verify alone"), ("cost", "spent")])),
        _section("Duration by outcome", plots.latency(tables.outcomes(report))),
    ]


def _key(names: Sequence[tuple[str, str]]) -> str:
    return '<ul class="key">' + "".join(f'<li class="{kind}">{name}</li>' for kind, name in names) + "</ul>"


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def _groups(by: str, groups: Sequence[Group]) -> str:
    return _table([by, *[column.head for column in tables.COLUMNS]], tables.group_rows(groups))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>' for name, *cells in rows
    )
    return f'<div class="table"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
