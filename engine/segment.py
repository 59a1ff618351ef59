"""Rows as columns: an immutable segment of the catalog (D9).

Rows lie in falling order of what they could be worth, tier group by tier group, so that the first to look at come
first. An attribute that many rows share (formats, categories, schedules, conditions) is a facet: its distinct
values once, and for each row which of them it has; a request is compared with the distinct values only.
"""

import collections
import dataclasses
import itertools
import operator
from array import array
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from engine import layout
from engine.bitmaps import Words, pack
from engine.deals import DealTable, OwnDeals, by_deal
from engine.dsa import RENDERED, TOLD
from engine.format_table import FormatTable
from engine.formats import Signature
from engine.limits import BUILD_SLICE_ROWS, PASSED_SLICE_ROWS, PLACED_SLICE_ROWS, SEGMENT_VERSIONS_KEPT
from engine.models.base import PREDICTIONS, RowFacts
from engine.numbering import Numbering
from engine.rows import Row
from engine.schedule import Schedule, Schedules
from engine.slices import at_once, every
from engine.targeting.condition import Condition
from engine.targeting.index import TargetingIndex
from engine.verdicts import VerdictTable
from schemas.limits import POLICIES_MAX

CACHED_MAX: Final = POLICIES_MAX + 1 + len(PREDICTIONS)  # a segment's view under each policy, and of each model

V = TypeVar("V", bound=Hashable)
Made = TypeVar("Made")


@dataclasses.dataclass(frozen=True, slots=True)
class Facet(Generic[V]):
    """``values``: the distinct values; ``codes``: int32 of shape (rows,), which value each row has."""

    values: tuple[V, ...]
    codes: NDArray[np.int32]

    def bitmap(self, passes: Callable[[V], bool]) -> Words:
        """Rows whose value passes; asks once a distinct value."""
        return self.gather(np.fromiter(map(passes, self.values), np.bool_, len(self.values)))

    def gather(self, passes: NDArray[np.bool_]) -> Words:
        """Rows whose value passes; ``passes`` has one bool for each distinct value."""
        return pack(passes[self.codes])


NUMBERS: Final = (
    "line_item_key",
    "advertiser_key",
    "state",
    "unsupported",
    "tier_group",
    "event",
    "amount_nanos",
)
FLAGS: Final = ("personal", "restricted", "secure", "dsa_told", "dsa_rendered", "dealt")


class Columns:
    """The columns of a segment while it is built, in order of arrival."""

    def __init__(self) -> None:
        self.ad_keys = array("Q")
        self.numbers = {name: array("q") for name in NUMBERS}
        self.flags = {name: bytearray() for name in FLAGS}
        self.conditions: Numbering[Condition] = Numbering()  # by identity: 1, 1.0 and True are equal in Python
        self.condition_column = array("i")
        self.facets: dict[str, tuple[Numbering[Hashable], array[int]]] = {
            name: (Numbering(), array("i")) for name in FACETS
        }

    def extend(self, rows: Sequence[Row]) -> None:
        """Further rows: column by column, which takes a fourth of the time of row by row."""
        self.ad_keys.extend(map(operator.attrgetter("ad_key"), rows))
        for name, numbers in self.numbers.items():
            numbers.extend(map(operator.attrgetter(name), rows))
        for name, flags in self.flags.items():
            flags.extend(map(operator.attrgetter(name), rows))
        self.condition_column.extend(map(self.conditions.__getitem__, map(operator.attrgetter("condition"), rows)))
        for name, (codes, column) in self.facets.items():
            column.extend(map(codes.__getitem__, map(FACETS[name], rows)))

    def order(self) -> Generator[None, None, NDArray[np.int64]]:
        """Tier group by tier group, the highest bid for an impression first; ties by ad, so that arrival never shows.

        Key by key, the least of them first: each sort is stable, and a slice of its own.
        """
        order = np.argsort(np.frombuffer(self.ad_keys, np.uint64), kind="stable")
        yield
        worth = self.number("amount_nanos") // NOMINAL_DIVISOR[self.number("event")]
        order = order[np.argsort(-worth[order], kind="stable")]
        yield
        return order[np.argsort(self.number("tier_group")[order], kind="stable")]

    def conditions_by(self, order: NDArray[np.int64]) -> Generator[None, None, tuple[list[Condition], layout.Int32s]]:
        """The distinct conditions as rows in this order first have them, and which of them each row has, in this order.

        A request works out conditions 64 at a time (``targeting/words.py``): rows that are scanned together then share them.
        """
        held = np.frombuffer(self.condition_column, np.int32)[order]
        first = np.empty(len(self.conditions), np.int64)
        first[held[::-1]] = np.arange(len(held) - 1, -1, -1)  # of what is written to one place, the last remains
        by_first = np.argsort(first)
        yield
        renumbered = np.empty(len(first), np.int32)
        renumbered[by_first] = np.arange(len(first), dtype=np.int32)
        conditions = tuple(self.conditions)
        yield
        return [conditions[code] for code in by_first.tolist()], renumbered[held]

    def ordered(self, order: NDArray[np.int64]) -> Generator[None, None, "OrderedColumns"]:
        """The columns in this order, with a pause after each."""
        ad_key = np.frombuffer(self.ad_keys, np.uint64)[order]
        numbers: dict[str, NDArray[np.int64]] = {}
        for name in NUMBERS:
            numbers[name] = self.number(name)[order]
            yield
        flags: dict[str, NDArray[np.bool_]] = {}
        for name, own in self.flags.items():
            flags[name] = np.frombuffer(own, np.bool_)[order]
            yield
        facets: dict[str, Facet[Hashable]] = {}
        for name, (codes, column) in self.facets.items():
            facets[name] = Facet(tuple(codes), np.frombuffer(column, np.int32)[order])
            yield
        return OrderedColumns(ad_key=ad_key, numbers=numbers, flags=flags, facets=facets)

    def number(self, name: str) -> NDArray[np.int64]:
        """A numeric column in order of arrival."""
        return np.frombuffer(self.numbers[name], np.int64)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderedColumns:
    """Columns in the order of a segment: ``ad_key`` uint64, ``numbers`` int64 and ``flags`` bool by name, and the facets."""

    ad_key: NDArray[np.uint64]
    numbers: Mapping[str, NDArray[np.int64]]
    flags: Mapping[str, NDArray[np.bool_]]
    facets: Mapping[str, Facet[Hashable]]

    def codes(self) -> Generator[None, None, layout.Uint32s]:
        """``codes`` of ``layout.py``, without what a policy makes of them, with a pause after each column."""
        codes = np.zeros((len(self.ad_key), layout.CODES), np.uint32)
        for column, name in _FACET_COLUMNS.items():
            codes[:, column] = self.facets[name].codes
            yield
        codes[:, layout.EVENT] = self.numbers["event"]
        codes[:, layout.UNSUPPORTED] = self.numbers["unsupported"] + 1
        yield
        for name, bit in _FLAG_BITS.items():
            codes[:, layout.FLAGS] |= np.where(self.flags[name], np.uint32(bit), np.uint32(0))
            yield
        return codes


# A facet's value for a row.
FACETS: Final[dict[str, Callable[[Row], Hashable]]] = {
    "schedule": operator.attrgetter("schedule"),
    "formats": operator.attrgetter("signature"),
    "categories": operator.attrgetter("cattax", "categories"),
    "adomain": operator.attrgetter("adomain"),
    "attr": operator.attrgetter("attr"),
    "language": operator.attrgetter("language"),
    "currency": operator.attrgetter("currency"),
    "labels": operator.attrgetter("labels"),
    "advertiser": operator.attrgetter("facts.advertiser_id"),
    "line_item": operator.attrgetter("facts.line_item_id"),
    "seat": operator.attrgetter("seat"),
    "deals": operator.attrgetter("deals"),
}

_FACET_COLUMNS: Final = {
    layout.FORMATS: "formats",
    layout.CATEGORIES: "categories",
    layout.ADOMAIN: "adomain",
    layout.ATTR: "attr",
    layout.LANGUAGE: "language",
    layout.SEAT: "seat",
    layout.DEALS: "deals",
}
_FLAG_BITS: Final = {
    "personal": layout.PERSONAL,
    "restricted": layout.RESTRICTED,
    "secure": layout.SECURE,
    "dsa_told": TOLD << layout.DSA_SHIFT,
    "dsa_rendered": RENDERED << layout.DSA_SHIFT,
    "dealt": layout.DEALT,
}


class OrderedRows:
    """The rows of a segment in its order, and where each ad has come to lie."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.facts: list[RowFacts] = []
        self.position: dict[str, int] = {}

    def extend(self, rows: Sequence[Row]) -> None:
        """The next rows."""
        facts = [row.facts for row in rows]
        self.position.update(zip([own.ad_id for own in facts], itertools.count(len(self.rows))))
        self.rows += rows
        self.facts += facts


# Roughly how many events an impression brings, as a divisor of the bid: it orders rows and decides nothing.
NOMINAL_DIVISOR: Final = np.array([1, 2, 100, 3, 1_000], np.int64)


class Segment:
    """Columns over ``rows``; nothing but the caches ever changes, and they hold what can be made again."""

    def __init__(
        self,
        columns: OrderedColumns,
        rows: OrderedRows,
        *,
        codes: layout.Uint32s,
        index: TargetingIndex,
        condition: layout.Int32s,
        having: Mapping[str, Sequence[int]],
    ) -> None:
        self.rows: Final = tuple(rows.rows)
        self.facts: Final = tuple(rows.facts)
        self.position: Final = rows.position
        self.index: Final = index  # over the distinct conditions
        self.condition: Final = condition  # which of them a row has
        self.ad_key: Final = columns.ad_key
        self.numbers: Final = columns.numbers
        self.flags: Final = columns.flags
        self._facets: Final = columns.facets
        self.schedules: Final = Schedules(self.schedule.values)
        self.gate: Final = self._gate()
        self.codes: Final = codes
        self.format_verdicts: Final = FormatTable(self.formats.values)
        self.category_verdicts: Final = VerdictTable(self.categories.values)
        self.adomain_verdicts: Final = VerdictTable(self.names("adomain").values)
        self.attribute_verdicts: Final = VerdictTable(self.attr.values)
        self.language_verdicts: Final = VerdictTable(self.text("language").values)
        self.seat_verdicts: Final = VerdictTable(self.text("seat").values)
        self.deal_verdicts: Final = DealTable(self.deals.values, having)
        self.house_from: Final = int(np.searchsorted(self.numbers["tier_group"], 1))
        self.schedule_cache: tuple[int, int, layout.Verdicts] | None = None  # [from, until) in ms, and the verdicts
        self._cache: collections.OrderedDict[Hashable, tuple[tuple[Hashable, object], ...]] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self.rows)

    def _gate(self) -> layout.Int32s:
        """``gate`` of ``layout.py``, before a policy stops rows."""
        gate = np.empty((len(self.rows), layout.GATE), np.int32)
        gate[:, layout.STATE] = self.numbers["state"]
        gate[:, layout.SCHEDULE] = self.schedule.codes
        gate[:, layout.CONDITION] = np.where(self.index.plain[self.condition], self.condition, ~self.condition)
        gate[:, layout.PLACE] = np.arange(len(self.rows))
        return gate

    @property
    def schedule(self) -> Facet[Schedule]:
        """Flights and dayparts; ``schedules`` is over its values."""
        return cast("Facet[Schedule]", self._facets["schedule"])

    @property
    def formats(self) -> Facet[tuple[Signature, ...]]:
        """The creative's formats, in its order."""
        return cast("Facet[tuple[Signature, ...]]", self._facets["formats"])

    @property
    def categories(self) -> Facet[tuple[int, tuple[str, ...]]]:
        """Taxonomy and categories of advertiser and creative."""
        return cast("Facet[tuple[int, tuple[str, ...]]]", self._facets["categories"])

    @property
    def attr(self) -> Facet[tuple[int, ...]]:
        """Creative attributes (AdCOM list)."""
        return cast("Facet[tuple[int, ...]]", self._facets["attr"])

    @property
    def deals(self) -> Facet[OwnDeals]:
        """The deals of line items."""
        return cast("Facet[OwnDeals]", self._facets["deals"])

    def names(self, name: str) -> Facet[tuple[str, ...]]:
        """A facet of several texts a row: ``adomain`` or ``labels``."""
        return cast("Facet[tuple[str, ...]]", self._facets[name])

    def text(self, name: str) -> Facet[str]:
        """A facet of one text a row: ``language``, ``currency``, ``advertiser``, ``line_item`` or ``seat``."""
        return cast("Facet[str]", self._facets[name])

    def cached(self, key: Hashable, version: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` returns, remembered under ``key`` until two other versions of it, or CACHED_MAX others, came.

        Two, as a batch goes on in the world it began in while what the next one needs is made beforehand.
        """
        for held, made in self._cache.get(key, ()):
            if held == version:
                self._cache.move_to_end(key)
                return cast("Made", made)
        made = make()
        self.keep(key, version, made)
        return made

    def holds(self, key: Hashable, version: Hashable) -> bool:
        """Whether this version is remembered under ``key``."""
        return any(held == version for held, _ in self._cache.get(key, ()))

    def keep(self, key: Hashable, version: Hashable, made: object) -> None:
        """Remember what was made elsewhere, as ``cached`` would."""
        others = [one for one in self._cache.get(key, ()) if one[0] != version]
        self._cache[key] = (version, made), *others[: SEGMENT_VERSIONS_KEPT - 1]
        self._cache.move_to_end(key)
        if len(self._cache) > CACHED_MAX:
            self._cache.popitem(last=False)


def build_sliced(rows: Sequence[Row], slice_rows: int = BUILD_SLICE_ROWS) -> Generator[None, None, Segment]:
    """Build a segment in slices, so that the caller's event loop is never held (D11); returns it at the end."""
    columns = Columns()
    for start in range(0, len(rows), slice_rows):
        columns.extend(rows[start : start + slice_rows])
        yield
    seldom = max(1, PASSED_SLICE_ROWS // max(1, len(rows)))
    order = yield from every(seldom, columns.order())
    yield
    conditions, condition = yield from every(seldom, columns.conditions_by(order))
    yield
    index = yield from TargetingIndex.build_sliced(conditions, slice_rows)
    yield
    ordered_rows = OrderedRows()
    for start in range(0, len(rows), PLACED_SLICE_ROWS):
        ordered_rows.extend([rows[place] for place in order[start : start + PLACED_SLICE_ROWS].tolist()])
        yield
    ordered_columns = yield from every(seldom, columns.ordered(order))
    codes = yield from every(seldom, ordered_columns.codes())
    having = yield from by_deal(cast("Facet[OwnDeals]", ordered_columns.facets["deals"]).values)
    return Segment(ordered_columns, ordered_rows, codes=codes, index=index, condition=condition, having=having)


def build(rows: Sequence[Row]) -> Segment:
    """Build a segment at once."""
    return at_once(build_sliced(rows))
