"""The section of docs/performance.md about the road from order lines to RFM classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.growth import figure_of, growth, ratio

WHAT = {  # contender: name in tables, what it does
    "empty": ("empty run", "`kedro run` with one node that does nothing"),
    "ours": (
        "**this project**",
        "`kedro run` of `fit_rfm` and `score_rfm`: lines to "
        "`rfm.parquet`, checked by its contract, and `rfm_breaks.json`",
    ),
    "ours_bounded": ("the same, 1 GB", "the same with `--params memory_limit=1GB`"),
    "bare": ("start of DuckDB", "Python starts, imports DuckDB and connects"),
    "scan": ("scan", "DuckDB reads the seven needed columns and adds them up: the physical limit"),
    "floor": ("one group-by", "DuckDB groups all lines by customer once: the least that RFM needs"),
    "duckdb_sql": (
        "raw DuckDB SQL",
        "the same work by hand: lines to orders to customers (kept in a temporary table), exact "
        "breaks, scores, classes, the same file ordered by customer",
    ),
    "polars": ("Polars", "the same work with the streaming engine"),
    "pandas": (
        "pandas notebook",
        "`groupby` and `qcut` on a table in memory, with only the needed columns read",
    ),
    "rfm": ("`rfm` package", "purchase orders, added up in pandas, given to `RFM`; five scores"),
    "lifetimes": ("lifetimes", "`summary_data_from_transaction_data` on the lines of purchases"),
    "pymc": ("PyMC-Marketing", "`rfm_summary` on the lines of purchases"),
}
RAW_LIMIT, POLARS_AIM, SCAN_AIM = 1.1, 1.0, 4.5
GROWTH_LIMIT, MEMORY_LIMIT = 1.05, 1536  # exponent; MB
LARGE, LARGEST = 5_000_000, 50_000_000

_LEAD = """## From order lines to RFM classes

The work: order lines in Parquet, as the intake leaves them, become one row per customer with
recency, frequency, money, three scores, code, class and the days to the next class. The lines are
made up with a fixed seed after the shape of gift_shop (`python -m benchmarks.order_lines`): about
92 lines and four orders per customer, a third of the customers with a single order, two lines in
a hundred taken back. The number of customers grows with the lines.

![Time by order lines](images/performance.png)
"""
_METHOD = """How it is measured: every contender is a process of its own, with its imports, and the
contenders take turns, forth and back, so that a busy minute of the machine hits all of them. Times
are medians, memory is the highest seen. The first turn fills the caches of the disk and is not
counted. A contender whose first run takes over {slow} s is run once; one that reaches {seconds} s
or {share:.0%} of the memory is ended and named. *Wall* is what a clock shows, *CPU* the time of all
cores together, which a busy machine moves less."""
_NET = """*Net* is the run less an empty run: the start of Kedro, its configuration and its checks
are paid by any run and do not grow. What is loaded only where tables are (DuckDB, contracts) stays
in the net time: it is nearly all of the net time at the smallest size, and most of what the net
time has above raw SQL. The times of the other contenders hold their own start, that of Python and
of what they import; the second line of the first table takes it off raw SQL too."""


def section(found: dict[str, Any]) -> str:
    """Return the section.

    Args:
        found: Stem of a file of the suite: its content.

    Returns:
        Markdown.
    """
    results = sorted(found.values(), key=lambda result: int(result["lines"]))
    last = results[-1]
    caps = last["caps"]
    parts = [
        _LEAD,
        targets(results),
        *(table(result) for result in results),
        _METHOD.format(slow=caps["slow"], seconds=caps["seconds"], share=caps["memory_share"]),
        _NET,
        growth_table(results),
        answers(last),
        contenders(results),
        measured_on(results),
    ]
    return "\n\n".join(part.strip() for part in parts if part)


def targets(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what was to be reached, with the figures of the largest size."""
    last = results[-1]
    bounded = [figure_of(result, "ours_bounded", "peak") for result in results]
    peaks = [peak for peak in bounded if peak is not None]
    grown = growth(results, "ours_net", least=LARGE)
    by_cpu = growth(results, "ours_net", "cpu", LARGE)
    rows = [
        _target("net / raw DuckDB SQL", last, "duckdb_sql", RAW_LIMIT, "at most"),
        _row("net / raw DuckDB SQL less its start", *_both(last, "duckdb_net"), "–", ""),
        _target("net / Polars", last, "polars", POLARS_AIM, "aim"),
        _target("net / scan", last, "scan", SCAN_AIM, "aim"),
        *[_row("growth of the net time, 5 to 50 million: lines to the power of",
               _number(grown), _number(by_cpu), f"at most {GROWTH_LIMIT}",
               _reached(grown, GROWTH_LIMIT))] * (len(results) > 1),
        _row("highest peak with `memory_limit=1GB`", _memory(max(peaks, default=None)), "",
             "under 1.5 GB", _reached(max(peaks, default=None), MEMORY_LIMIT)),
    ]  # fmt: skip
    head = _head(f"at {_lines(last)}", "wall", "CPU", "wanted", "by wall")
    note = "" if last["lines"] >= LARGEST else (
        "\n\nThe targets are for 50 million lines, which `make bench-large` measures; these are "
        "the figures of the largest size measured so far."
    )  # fmt: skip
    return "\n".join([head, *rows]) + note


def _target(name: str, last: Mapping[str, Any], other: str, limit: float, kind: str) -> str:
    wall = ratio(last, "ours_net", other)
    verdict = _reached(wall, limit) if last["lines"] >= LARGEST else "not measured"
    return _row(name, *_both(last, other), f"{kind} {limit}", verdict)


def _both(last: Mapping[str, Any], other: str) -> tuple[str, str]:
    """Return how many times another contender the net run takes, by wall and by CPU."""
    wall, cpu = (ratio(last, "ours_net", other, what) for what in ("wall", "cpu"))
    return _number(wall), _number(cpu)


def table(result: Mapping[str, Any]) -> str:
    """Return the contenders at one size."""
    head = _head(
        f"{_lines(result)}, {result['customers']:,} customers",
        "wall, s", "CPU, s", "peak, MB", "runs", "wall / raw SQL",
    )  # fmt: skip
    rows = []
    for name, (label, _) in WHAT.items():
        found = result["contenders"].get(name)
        if found is None:
            continue
        if found["failed"]:
            rows.append(_row(label, found["failed"], "", "", "", ""))
            continue
        rows.append(_row(label, f"{found['wall']:.2f}", f"{found['cpu']:.2f}",
                         f"{found['peak']:,.0f}", str(found["runs"]),
                         _number(ratio(result, name, "duckdb_sql"))))  # fmt: skip
        if name == "ours":
            rows.append(_net(result))
    return "\n".join([head, *rows])


def _net(result: Mapping[str, Any]) -> str:
    wall, cpu = figure_of(result, "ours_net", "wall"), figure_of(result, "ours_net", "cpu")
    if wall is None or cpu is None:
        return _row("**net**", "–", "–", "", "", "–")
    return _row("**net**", f"**{wall:.2f}**", f"**{cpu:.2f}**", "", "",
                f"**{_number(ratio(result, 'ours_net', 'duckdb_sql'))}**")  # fmt: skip


def growth_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the exponents; nothing with fewer than two sizes."""
    if len(results) < 2:  # noqa: PLR2004
        return ""
    sizes = ", ".join(f"{result['lines'] / 1e6:g}" for result in results)
    head = _head("time = a × lines^b", f"b by wall, {sizes} million", "b by wall, from 5 million",
                 "b by CPU, from 5 million")  # fmt: skip
    names = {"ours_net": "**net**"} | {
        name: label for name, (label, _) in WHAT.items() if name not in ("empty", "bare")
    }
    rows = [
        _row(label, _number(growth(results, name)), _number(growth(results, name, least=LARGE)),
             _number(growth(results, name, "cpu", LARGE)))
        for name, label in names.items()
        if growth(results, name) is not None
    ]  # fmt: skip
    note = (
        "Exponents by least squares on logarithms. The start of a process does not grow with the "
        "lines, so it lowers every exponent, those of small sizes most."
    )
    return "\n".join([head, *rows]) + f"\n\n{note}"


def answers(result: Mapping[str, Any]) -> str:
    """Return whether the answers agree, in words."""
    rows = []
    for name, (label, _) in WHAT.items():
        found = result["contenders"].get(name, {}).get("agreement")
        if found is not None:
            rows.append(_row(label, agreement(name, found)))
    return "\n".join([_head(f"answers at {_lines(result)}", "beside this project's"), *rows])


def agreement(name: str, found: Mapping[str, Any]) -> str:
    """Return in words which shares of the customers agree.

    Args:
        name: Contender.
        found: What ``compare`` printed.

    Returns:
        One or two sentences.
    """
    if "failed" in found:
        return f"not compared: {found['failed']}"
    lacking = f"; {found['lacking']:,} customers are in one of the two only"
    lacking = lacking if found["lacking"] else ""
    if name in ("duckdb_sql", "polars", "ours_bounded"):
        columns = {key: share for key, share in found.items() if key not in ("rows", "lacking")}
        off = [f"{key} differs in {_off(share)}" for key, share in columns.items() if share < 1]
        if not off:
            return f"all {found['rows']:,} rows equal in every column and in their order{lacking}"
        return f"{', '.join(off)}{lacking}"
    if name == "pandas":
        return (
            f"{_equal(found, 'recency_days', 'frequency', 'monetary')}. Scores of frequency differ "
            f"for {_off(found['f'])} and classes for {_off(found['rfm_class'])}: `qcut` cannot cut "
            f"ties, so notebooks rank, which splits equal customers by the order of rows{lacking}"
        )
    if name == "rfm":
        return (
            f"{_equal(found, 'frequency')}. Money (of purchases) differs for "
            f"{_off(found['monetary'])}: an amount with “.0” in it loses its last two characters. "
            f"Recency differs for {_off(found['recency_days'])}: whole days of 24 hours, not "
            f"calendar days{lacking}"
        )
    return (
        f"{_equal(found, 'recency_days', 'span', 'purchase_days')} (recency is T − recency here). "
        f"Frequency is purchase days less one: plus one it equals our orders but for "
        f"{_off(found['frequency'])} who ordered twice on one day; "
        f"money is a mean per day and is not compared{lacking}"
    )


def _equal(found: Mapping[str, Any], *columns: str) -> str:
    words = {"recency_days": "recency", "span": "days from first to last purchase",
             "purchase_days": "purchase days", "monetary": "money to the cent"}  # fmt: skip
    same = [words.get(name, name) for name in columns if found[name] == 1]
    off = [f"{words.get(name, name)} differs for {_off(found[name])}"
           for name in columns if found[name] < 1]  # fmt: skip
    said = [f"equal for all: {', '.join(same)}"] if same else []
    return "; ".join(said + off)


def contenders(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what each contender does, and in which version."""
    rows = []
    for name, (label, does) in WHAT.items():
        notes = [result["contenders"].get(name, {}).get("note") or {} for result in results]
        version = next((note["version"] for note in reversed(notes) if "version" in note), "")
        under = next((note["pandas"] for note in reversed(notes) if "pandas" in note), "")
        shown = version + (f" (pandas {under})" if under else "")
        rows.append(_row(label, does, shown))
    return "\n".join([_head("contender", "what it does", "version"), *rows])


def measured_on(results: Sequence[Mapping[str, Any]]) -> str:
    """Return machine, versions and dates."""
    last = results[-1]
    machine, versions = last["machine"], last["versions"]
    dates = sorted({result["date"] for result in results})
    stated = ", ".join(f"{name} {version}" for name, version in versions.items())
    text = (
        f"Measured on {' and '.join(dates)}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {machine['system']}; {stated}."
    )
    others = [result for result in results if result["machine"] != machine]
    if others:
        sizes = ", ".join(_lines(result) for result in others)
        text += f" Another machine measured {sizes}."
    return text


def _lines(result: Mapping[str, Any]) -> str:
    return f"{result['lines'] / 1e6:g} million lines"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _memory(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} MB"


def _reached(value: float | None, limit: float) -> str:
    if value is None:
        return "not measured"
    return "reached" if value <= limit else "**missed**"


def _off(share: float) -> str:
    """Return the share that does not agree; a rare one is not rounded to nothing."""
    off = 1 - share
    return f"{off:.1%}" if off == 0 or off >= 0.001 else "under 0.1%"  # noqa: PLR2004


def _head(*cells: str) -> str:
    aligned = "|---|" + "---|" * (len(cells) - 1)
    return f"{_row(*cells)}\n{aligned}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
