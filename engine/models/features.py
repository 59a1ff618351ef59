"""Features of requests and rows by name, and the weights that models give them.

A request feature is ``PATH=VALUE``: the attribute at the path is VALUE, or is a list that contains it. A row feature
is ``NAME=VALUE`` with a NAME of ROW_NAMES. A cross is ``PATH=VALUE*NAME=VALUE``: both hold. Values are compared as
text: whole numbers by their digits, true and false as such.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Final

from engine.models.base import RowFacts
from engine.reading import at, items
from schemas.errors import SchemaError

ROW_NAMES: Final = ("ad", "line_item", "campaign", "advertiser", "creative", "cat", "label", "tier", "event")


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
        if star and _is_row_feature(right):
            path, value = _request_feature(left, feature)
            cross.setdefault(path, {}).setdefault(value, {})[right] = weight
        elif _is_row_feature(feature):
            row[feature] = weight
        else:
            path, value = _request_feature(feature, feature)
            request.setdefault(path, {})[value] = weight
    return Weights(row=row, request=request, cross=cross)


def _is_row_feature(feature: str) -> bool:
    name, equals, _ = feature.partition("=")
    return bool(equals) and name in ROW_NAMES


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


def row_features(facts: RowFacts) -> Iterator[str]:
    """All features of a row."""
    yield f"ad={facts.ad_id}"
    yield f"line_item={facts.line_item_id}"
    yield f"campaign={facts.campaign_id}"
    yield f"advertiser={facts.advertiser_id}"
    yield f"creative={facts.creative_id}"
    yield f"tier={facts.tier}"
    yield f"event={facts.event}"
    for category in dict.fromkeys(facts.cat):
        yield f"cat={category}"
    for label in dict.fromkeys(facts.labels):
        yield f"label={label}"


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
