"""Features of requests and rows by name, and the weights that models give them.

A request feature is ``PATH=VALUE``: the attribute at the path is VALUE, or is a list that contains it. A row feature
is ``NAME=VALUE`` with a NAME of ROW_NAMES or, the same by its field, of ROW_FIELDS. A cross is ``PATH=VALUE*NAME=VALUE``: both hold. Values are compared as
text: whole numbers by their digits, true and false as such.
"""

import dataclasses
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from engine.models.base import RowFacts
from engine.reading import at, items
from schemas.errors import SchemaError

T = TypeVar("T")

# What a row is asked for under each NAME: one value, or any number of them.
_ONE: Final[Mapping[str, Callable[[RowFacts], str]]] = {
    "ad": operator.attrgetter("ad_id"),
    "line_item": operator.attrgetter("line_item_id"),
    "campaign": operator.attrgetter("campaign_id"),
    "advertiser": operator.attrgetter("advertiser_id"),
    "creative": operator.attrgetter("creative_id"),
    "tier": operator.attrgetter("tier"),
    "event": operator.attrgetter("event"),
}
_MANY: Final[Mapping[str, Callable[[RowFacts], tuple[str, ...]]]] = {
    "cat": operator.attrgetter("cat"),
    "label": operator.attrgetter("labels"),
}
ROW_NAMES: Final = ("ad", "line_item", "campaign", "advertiser", "creative", "cat", "label", "tier", "event")
ROW_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ad.id": "ad",
        "ad.line_item_id": "line_item",
        "ad.campaign_id": "campaign",
        "ad.advertiser_id": "advertiser",
        "ad.creative_id": "creative",
        "ad.cat": "cat",
        "ad.labels": "label",
        "ad.tier": "tier",
        "ad.event": "event",
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Micro-logits by feature. ``request``: path to value to weight; ``cross``: path to value to row feature."""

    row: Mapping[str, int]
    request: Mapping[tuple[str, ...], Mapping[str, int]]
    cross: Mapping[tuple[str, ...], Mapping[str, Mapping[str, int]]]


def read_weights(weights: Mapping[str, int]) -> Weights:
    """Sort weights by kind of feature. Raises SchemaError that names the feature which is none."""
    row: dict[str, int] = {}
    request: dict[tuple[str, ...], dict[str, int]] = {}
    cross: dict[tuple[str, ...], dict[str, dict[str, int]]] = {}
    for feature, weight in weights.items():
        left, star, right = feature.rpartition("*")
        if star and (of_row := _row_feature(right)) is not None:
            path, value = _request_feature(left, feature)
            crosses = cross.setdefault(path, {}).setdefault(value, {})
            crosses[of_row] = crosses.get(of_row, 0) + weight
        elif (of_row := _row_feature(feature)) is not None:
            row[of_row] = row.get(of_row, 0) + weight
        else:
            path, value = _request_feature(feature, feature)
            request.setdefault(path, {})[value] = weight
    return Weights(row=row, request=request, cross=cross)


def _row_feature(feature: str) -> str | None:
    """The feature as ``row_features`` names it; None when it is none of a row."""
    name, equals, value = feature.partition("=")
    short = ROW_FIELDS.get(name, name)
    return f"{short}={value}" if equals and short in ROW_NAMES else None


def _request_feature(feature: str, whole: str) -> tuple[tuple[str, ...], str]:
    path, equals, value = feature.partition("=")
    parts = tuple(path.split("."))
    if not equals or not all(parts) or (len(parts) == 1 and parts[0] in ROW_NAMES):
        raise SchemaError(
            f"weights.{whole}",
            "is not a feature",
            f"PATH=VALUE, PATH=VALUE*ROW=VALUE or ROW=VALUE; ROW: {', '.join(ROW_NAMES)}",
        )
    return parts, value


def found_in(rows: Sequence[RowFacts], features: Mapping[str, T]) -> Iterable[list[Sequence[T]]]:
    """What ``features`` says of each row, name by name: for each row, what stands there for its values of that name.

    Names that no feature has are not looked at, and rows with the same categories or labels are looked up once.
    """
    by_name: dict[str, dict[str, T]] = {}
    for feature, said in features.items():
        name, _, value = feature.partition("=")
        by_name.setdefault(name, {})[value] = said
    for name, told in by_name.items():
        if name in _ONE:
            one = {value: (said,) for value, said in told.items()}
            yield [one.get(value, ()) for value in map(_ONE[name], rows)]
        else:
            own = list(map(_MANY[name], rows))
            many = {
                values: [told[value] for value in dict.fromkeys(values) if value in told]
                for values in dict.fromkeys(own)
            }
            yield [many[values] for values in own]


def values_at(request: Mapping[str, object], path: tuple[str, ...]) -> tuple[str, ...]:
    """The distinct values, as text, of the attribute at a path; none when it is absent or an object."""
    found = at(request, *path)
    if found is None or isinstance(found, str):  # as nearly every value is
        return () if found is None else (found,)
    words = (value_text(value) for value in items(found))
    return tuple(dict.fromkeys(word for word in words if word is not None))


def value_text(value: object) -> str | None:
    """The text by which a feature names a value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, str | int) else None
