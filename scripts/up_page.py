"""The page of ``adjudge up``: what runs where, as HTML that takes nothing from elsewhere and runs no script.

Every text is escaped; the response allows the page its own style and nothing else.
"""

import dataclasses
import html
from collections.abc import Iterable, Sequence
from typing import Final

from consumers.gateway import PATH

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
REFRESH_S: Final = 5
REQUEST: Final = (
    """'{"id":"try-'$RANDOM'","tmax":1000,"imp":[{"id":"1","banner":{"format":[{"w":300,"h":250}]}}],"""
    """"site":{"domain":"feed.example"},"device":{"geo":{"country":"USA"}},"user":{"id":"ada"}}'"""
)
STYLE: Final = """
:root { color-scheme: light dark; --line: #8883; --dim: #777; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --dim: #999; --good: #57c272; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
p { margin: .3rem 0; }
.dim { color: var(--dim); font-size: .9rem; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1rem .3rem 0; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--dim); font-weight: normal; font-size: .9rem; }
tbody th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font: .9rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { padding: .7rem 1rem; border: 1px solid var(--line); border-radius: .4rem; white-space: pre-wrap;
      margin: .4rem 0; }
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShardFacts:
    """``position``: offset of the next request to decide; ``lag``: requests written and not decided; None when unknown."""

    shard: int
    phase: str
    position: int | None
    lag: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TopicFacts:
    """``kept``: offsets from the first kept one to the next, None when Kafka did not say."""

    name: str
    message: str
    writer: str
    readers: str
    partitions: int
    kept: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """``exports``: lines for another shell. ``unready``: why not all is well; none when it is. ``rate``: sample requests/s. ``fill``: share of their slots."""

    kafka: str
    exports: tuple[str, ...]
    http: str
    gateway_http: str
    state: str
    unready: tuple[str, ...]
    shards: tuple[ShardFacts, ...]
    catalog_offset: int | None
    controls_offset: int | None
    topics: tuple[TopicFacts, ...]
    rate: int
    answered: int
    fill: float


def page(facts: Facts, *, still: bool = False) -> str:
    """The whole page; it asks for itself again every few seconds, but not when ``still``."""
    refresh = "" if still else f'<meta http-equiv="refresh" content="{REFRESH_S}">'
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"{refresh}<title>Adjudge</title><style>{STYLE}</style></head><body>",
            *_head(facts, still=still),
            *_where(facts),
            *_shards(facts.shards),
            *_in_force(facts),
            *_topics(facts.topics),
            *_try(facts),
            "</body></html>\n",
        )
    )


def _head(facts: Facts, *, still: bool) -> Iterable[str]:
    yield "<h1>Adjudge</h1>"
    if facts.unready:
        yield f'<p class="bad">Not ready: {"; ".join(map(_text, facts.unready))}</p>'
    else:
        yield '<p class="good">Ready: every shard decides</p>'
    other = '<a href="/">keep it current</a>' if still else '<a href="/?still">hold it still</a>'
    yield f'<p class="dim">{"As it was" if still else f"Every {REFRESH_S} s anew"}: {other}</p>'


def _where(facts: Facts) -> Iterable[str]:
    links = ", ".join(_link(f"http://{facts.http}/{name}", f"/{name}") for name in ("readyz", "livez", "metrics"))
    of_gateway = ", ".join(
        _link(f"http://{facts.gateway_http}/{name}", f"/{name}") for name in ("readyz", "livez", "metrics")
    )
    sent = "none: <code>adjudge up --traffic 100</code> sends some"
    if facts.rate:
        sent = f"{facts.rate:,} requests/s; {facts.answered:,} answered, {facts.fill:.0%} of slots filled"
    yield _table(
        "Where",
        (),
        (
            ("Kafka", f"<code>{_text(facts.kafka)}</code>"),
            ("engine", f"<code>{_text(facts.http)}</code> {links}"),
            ("gateway", f"<code>{_text(facts.gateway_http)}</code> {of_gateway}"),
            ("auction", f"<code>POST {_text(f'http://{facts.gateway_http}{PATH}')}</code>"),
            ("state", f"<code>{_text(facts.state)}</code>"),
            ("sample traffic", sent),
        ),
    )


def _shards(shards: Sequence[ShardFacts]) -> Iterable[str]:
    rows = ((str(each.shard), _phase(each.phase), _count(each.position), _count(each.lag)) for each in shards)
    yield _table("Shards", ("shard", "at", "next offset", "lag"), rows, numbers=(2, 3))
    if not shards:
        yield '<p class="dim">None is assigned yet.</p>'


def _phase(phase: str) -> str:
    return f'<span class="{"good" if phase == "deciding" else "bad"}">{_text(phase)}</span>'


def _in_force(facts: Facts) -> Iterable[str]:
    rows = (("campaigns", _count(facts.catalog_offset)), ("controls", _count(facts.controls_offset)))
    yield _table("In force", ("", "up to offset"), rows, numbers=(1,))


def _topics(topics: Sequence[TopicFacts]) -> Iterable[str]:
    rows = (
        (_text(each.name), _text(each.message), _text(f"{each.writer} to {each.readers}"), str(each.partitions),
         _count(each.kept))
        for each in topics
    )  # fmt: skip
    yield _table("Topics", ("topic", "message", "from, to", "partitions", "kept"), rows, numbers=(3, 4))
    yield '<p class="dim">Kept: offsets from the first to the next, markers of transactions among them.</p>'


def _try(facts: Facts) -> Iterable[str]:
    call = f"curl -i http://{facts.gateway_http}{PATH} -H 'Content-Type: application/json' -d {REQUEST}"
    yield f"<h2>Try</h2><p>Ask for an ad:</p><pre>{_text(call)}</pre>"
    yield "<p>In another shell, with the environment active:</p>"
    commands = ("adjudge topics check", f"adjudge doctor --http {facts.http}", "adjudge audit")
    yield f"<pre>{_text(chr(10).join((*facts.exports, *commands)))}</pre>"


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Cells are HTML; the first of a row is its head. ``numbers``: columns that are set to the right."""
    kinds = dict.fromkeys(numbers, ' class="number"')
    heads = "".join(f"<th{kinds.get(place, '')}>{_text(name)}</th>" for place, name in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td{kinds.get(place, '')}>{cell}</td>" for place, cell in enumerate(row[1:], start=1))
        + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{heads}</tr></thead>" if columns else ""
    return f'<h2>{_text(title)}</h2><div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def _link(address: str, shown: str) -> str:
    return f'<a href="{_text(address)}">{_text(shown)}</a>'


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)
