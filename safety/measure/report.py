"""One HTML file with everything that was measured, to be read and passed on.

The texts in it are hostile by nature: each is cut, has its invisible characters spelled out, and is escaped.
What shuts scripts out is in ``page``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from safety.measure.charts import precision_recall, reliability, roc
from safety.measure.headings import HEADINGS, NONE, RANKING, SHIPPED, SLICED
from safety.measure.metrics import Figure
from safety.measure.page import escaped, page
from safety.measure.run import Result
from safety.measure.style import STYLE
from safety.measure.summary import GAP_NEGATIVES, Card, Summary, worst

CUT = 300  # characters of a text that are shown
NAMES = {"source": "source", "kind": "kind", "lang": "language", "group": "identity group"}


def report(summary: Summary, most: int) -> str:
    """The page; ``most`` mistakes of either sort per category."""
    parts = (
        _head(summary),
        *_troubles(summary),
        _figures(summary),
        _speed(summary),
        *(_category(summary, name, card, most) for name, card in summary.cards.items()),
    )
    return page(_title(summary), STYLE, "".join(parts))


def safe(text: str, most: int = CUT) -> str:
    """A text from strangers as HTML: cut, nothing invisible, nothing that is markup."""
    return escaped(text if len(text) <= most else text[: most - 1] + "…")


def _title(summary: Summary) -> str:
    return f"How good {summary.policy} is"


# --- the overall part -------------------------------------------------------------------------------------


def _head(summary: Summary) -> str:
    links = "".join(f'<a href="#{_anchor(name)}">{safe(name)}</a>' for name in summary.cards)
    files = ", ".join(safe(name) for name in summary.files)
    return (
        f"<h1>{safe(_title(summary))}</h1>"
        f'<p class="soft">{len(summary.results):,} rows of {files}</p>'
        f'<nav aria-label="Categories">{links}</nav>'
    )


def _troubles(summary: Summary) -> Iterator[str]:
    if summary.failed:
        first = summary.failed[0]
        yield (
            f'<p class="bad" role="alert">{len(summary.failed):,} rows could not run and are in no figure.'
            f" The first is {safe(first.row.place)}: {safe(first.error)}</p>"
        )
    for category, count in summary.not_looked_for.items():
        yield (
            f'<p class="bad">{count:,} rows are labelled for {safe(category)}, which nothing in this policy'
            " looks for there: they make no figure.</p>"
        )


def _figures(summary: Summary) -> str:
    """Two tables: what the scores are worth, and what the policy makes of them."""
    ranking = (
        "How well scores tell apart, at any threshold. Small: 95 % intervals, Wilson’s for shares, Hanley and"
        " McNeil’s for the AUC."
    )
    shipped = (
        "At the shipped threshold, where any rule fires; “stopped”: where one fires that redacts or blocks."
        f" {NONE}: cannot be computed."
    )
    return f"<h2>Figures</h2>{_cards(summary, ranking, RANKING)}{_cards(summary, shipped, SHIPPED)}"


def _cards(summary: Summary, caption: str, columns: Sequence[str]) -> str:
    rows = [_card_row(name, card, columns) for name, card in summary.cards.items()]
    return _table(caption, _headings("category", columns), rows)


def _speed(summary: Summary) -> str:
    speed = summary.speed
    rate = NONE if speed.rows_per_second is None else f"{speed.rows_per_second:,.1f}"
    cells = [rate, *(f"{ms:,.2f}" for ms in (speed.mean, speed.p50, speed.p95, speed.p99))]
    caption = f"Rows per second in batches; milliseconds per row for {speed.sampled} rows judged one by one."
    names = ("rows per second", "mean ms", "p50 ms", "p95 ms", "p99 ms")
    row = f'<tr><th scope="row">all detectors</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
    return f"<h2>Speed</h2>{_table(caption, ['', *names], [row])}"


# --- one category -----------------------------------------------------------------------------------------


def _category(summary: Summary, name: str, card: Card, most: int) -> str:
    seen = card.observed
    parts = (
        f'<h2 id="{_anchor(name)}">{safe(name)}</h2>',
        f'<p class="soft">{seen.n:,} rows, {seen.positives:,} of them positive.</p>',
        _charts(name, card),
        _gap(summary, name),
        *_slices(summary, name),
        *_mistakes(summary.results, name, most),
    )
    return "".join(parts)


def _charts(name: str, card: Card) -> str:
    shown = safe(name)
    both = (roc(shown, card), precision_recall(shown, card)) if card.observed.both else ()
    note = "" if both else '<p class="soft">Only one class: there are no curves to draw.</p>'
    return f'{note}<div class="charts">{"".join(both)}{reliability(shown, card)}</div>'


def _gap(summary: Summary, name: str) -> str:
    gap = summary.gaps.get(name)
    if gap is None:
        return ""
    return (
        f"<p>Identity gap: <b>{gap.value:.3f}</b>, the false positive rate of {safe(gap.highest)} less that"
        f" of {safe(gap.lowest)}, of {gap.groups} groups with at least {GAP_NEGATIVES} negatives.</p>"
    )


def _slices(summary: Summary, name: str) -> Iterator[str]:
    for dimension, values in summary.slices.items():
        rows = [_card_row(v, cards[name], SLICED) for v, cards in values.items() if name in cards]
        if rows:
            by = NAMES[dimension]
            table = _table(f"{safe(name)} by {by}.", _headings(by, SLICED), rows)
            yield f"<details><summary>By {by} ({len(rows)})</summary>{table}</details>"


def _mistakes(results: Sequence[Result], name: str, most: int) -> Iterator[str]:
    found = worst(results, name, most)
    for title, rows in (
        ("Negatives with the highest scores", found.alarms),
        ("Positives with the lowest scores", found.misses),
    ):
        if rows:
            lines = [_mistake(score, result) for score, result in rows]
            table = _table(f"{title}: {safe(name)}.", _MISTAKE_COLUMNS, lines)
            yield f"<details><summary>{title} ({len(rows)})</summary>{table}</details>"


_MISTAKE_COLUMNS = ("row", "score", "action", "kind", "language", "text")


def _mistake(score: float, result: Result) -> str:
    row = result.row
    beside = "".join(f'<p class="soft"><bdi>{safe(text)}</bdi></p>' for text in row.documents[:1])
    cells = (f"{score:.3f}", str(result.action), safe(row.kind), safe(row.lang))
    return (
        f'<tr><th scope="row">{safe(row.place)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}'
        f'<td class="text"><bdi>{safe(row.text)}</bdi>{beside}</td></tr>'
    )


# --- tables -----------------------------------------------------------------------------------------------


def _headings(first: str, columns: Iterable[str]) -> list[str]:
    return [first, "rows", "positive", *(HEADINGS[name] for name in columns)]


def _card_row(name: str, card: Card, columns: Iterable[str]) -> str:
    cells = "".join(f"<td>{_cell(card.figures[column])}</td>" for column in columns)
    seen = card.observed
    return f'<tr><th scope="row">{safe(name)}</th><td>{seen.n:,}</td><td>{seen.positives:,}</td>{cells}</tr>'


def _cell(figure: Figure) -> str:
    if figure.value is None:
        return NONE
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f}<small>{figure.low:.3f} to {figure.high:.3f}</small>"


def _table(caption: str, headings: Sequence[str], rows: Iterable[str]) -> str:
    """A table; everything handed in is HTML already."""
    head = "".join(f'<th scope="col"{_side(name)}>{name}</th>' for name in headings)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{caption}"><table>'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _side(name: str) -> str:
    return ' class="text"' if name == "text" else ""


def _anchor(name: str) -> str:
    return "category-" + "".join(c if c.isalnum() and c.isascii() else "-" for c in name)
