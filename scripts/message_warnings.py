"""What is odd about a message though the engine accepts it: what leads nowhere, and what changes no decision yet."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.controls import compile_policy
from engine.models.base import PROBABILITIES
from engine.models.constant import OWNERS
from engine.models.features import ROW_FIELDS, read_weights
from engine.reasons import Reason
from engine.rows import undecided
from engine.schedule import compile_schedule
from engine.targeting.absence import warnings_with_absence
from engine.targeting.condition import Condition, parse_condition
from engine.targeting.paths import ARRAYS, warning_of
from engine.video import clip_of_format, format_of_asset
from schemas.controls import Control, Limits, ModelControl, Policy, Seed
from schemas.decoding import fits
from schemas.entities import Ad, Campaign, Creative, Entity, Format, LineItem, NativeFormat, VideoFormat
from schemas.errors import SchemaError
from schemas.openrtb import Imp, RequestDeal, Video, has_duration_floors
from schemas.shapes import Category, Domain, Id

VAST: Final = "<VAST"
COUNTRIES: Final = ("device.geo.country", "user.geo.country")
EQUALITY: Final = ("$eq", "$ne", "$in", "$nin", "$ini", "$nini", "$not")  # operators that compare with whole values
SHORT_COUNTRY: Final = re.compile("[A-Za-z]{2}")
# What the models of each algorithm are made of (engine/models/registry.py), out of what may be given.
READ: Final = {
    "constant": ("value", "values", "cap_ppb"),
    "logistic": ("bias", "weights", "cap_ppb"),
    "feedback": ("value",),
}


def warnings_of(message: Entity | Control, fields: Mapping[str, object]) -> tuple[SchemaError, ...]:
    """Each with its field. ``fields``: the message as it was written. Raises SchemaError for a condition that is none."""
    given = functools.partial(_kept, fields)
    found = (_conditions, _rank, _name, _videos, _unencrypted, given, _undecided, _unread, _weights, _stops_nothing)
    return tuple(itertools.chain.from_iterable(look(message) for look in found))


def empty_flights(campaign: Campaign, timezone: str) -> Iterator[SchemaError]:
    """The flights that never serve in the zone that counts, as that decides where one end has an offset and one has none."""
    for number, flight in enumerate(campaign.flights):
        if not compile_schedule((flight,), (), timezone).flights:
            problem = f"{flight.end} is not after the start {flight.start} in {timezone}: the flight never serves"
            yield SchemaError(f"flights[{number}].end", problem, "end later, or give both the same offset")


def warnings_of_imps(imps: Sequence[Imp]) -> tuple[SchemaError, ...]:
    """Of a request: what of its imps is not offered, or stays empty, whatever the catalog holds."""
    return tuple(itertools.chain.from_iterable(_of_imp(imp, f"imp[{index}]") for index, imp in enumerate(imps)))


def _of_imp(imp: Imp, field: str) -> Iterator[SchemaError]:
    if imp.audio is not None and (imp.banner, imp.video, imp.native) == (None, None, None):
        yield SchemaError(f"{field}.audio", "audio ads are not decided: the imp stays empty", "ask for video beside it")
    asking: list[tuple[str, Video | RequestDeal]] = [("video", imp.video)] if imp.video else []
    asking += [(f"pmp.deals[{number}]", deal) for number, deal in enumerate(imp.pmp.deals if imp.pmp else ())]
    for place, one in asking:
        if has_duration_floors(one):
            problem = "has floors by duration, which are not decided: it is not offered"
            yield SchemaError(f"{field}.{place}", problem, "give one bidfloor")


def _conditions(message: Entity | Control) -> Iterator[SchemaError]:
    if isinstance(message, LineItem):
        condition = parse_condition(message.targeting, field="targeting")
        yield from (SchemaError("targeting", warning) for warning in warnings_with_absence(condition))
        yield from _short_countries(message.targeting, "targeting")
    elif isinstance(message, Policy):
        compiled = compile_policy(message, 0)
        floors = {f"floors[{number}].when": when for number, (when, _) in enumerate(compiled.floors)}
        for field, when in {"when": compiled.when, **floors}.items():
            yield from _of_a_page(when, field) if when else ()
        yield from _short_countries(message.when, "when")
        for number, floor in enumerate(message.floors):
            yield from _short_countries(floor.when, f"floors[{number}].when")


def _short_countries(condition: object, field: str, *, country: bool = False) -> Iterator[SchemaError]:
    """Countries of two letters, where OpenRTB has three (2.6, 3.2.19, Object: Geo)."""
    if isinstance(condition, Mapping):
        for name, part in condition.items():
            yield from _short_countries(part, field, country=name in COUNTRIES or (country and name in EQUALITY))
    elif isinstance(condition, Sequence) and not isinstance(condition, str):
        for part in condition:
            yield from _short_countries(part, field, country=country)
    elif country and isinstance(condition, str) and SHORT_COUNTRY.fullmatch(condition):
        problem = f"{condition!r} has two letters, and countries of requests have three: it is hardly ever met"
        yield SchemaError(field, problem, "ISO 3166-1 alpha-3, such as USA")


def _of_a_page(condition: Condition, field: str) -> Iterator[SchemaError]:
    """A policy's conditions are asked about the first imp itself, where a line item's are asked about the array."""
    paths = [path for path in sorted(condition.paths) if path == "imp" or path.startswith("imp.")]
    of_the_array = {warning_of(tuple(path.split("."))) for path in paths}
    yield from (
        SchemaError(field, warning) for warning in warnings_with_absence(condition) if warning not in of_the_array
    )
    for path in paths:
        _, _, below = path.partition(".")
        first, _, rest = below.partition(".")
        if not first or first == "length" or first.isdigit():
            problem = f"{path}: in a policy imp is the first imp itself, not an array"
            yield SchemaError(field, problem, f"write imp.{rest}" if rest else "ask for its fields, such as imp.tagid")


def _rank(message: Entity | Control) -> Iterator[SchemaError]:
    if isinstance(message, Policy) and message.name == "default" and message.rank:
        yield SchemaError("rank", "default is asked last, whatever its rank", "leave it out")


def _name(message: Entity | Control) -> Iterator[SchemaError]:
    if isinstance(message, Seed | Limits) and message.name != "default":
        yield SchemaError("name", f"no {message.kind} but the one named default is in force", "name it default")


def _videos(message: Entity | Control) -> Iterator[SchemaError]:
    """Videos that are valid, and that no player can be given."""
    for number, form in enumerate(message.formats if isinstance(message, Creative) else ()):
        for field, video in _videos_of(form, f"formats[{number}]"):
            clip = clip_of_format(video) if video else None
            if video and video.markup is not None and VAST not in video.markup:
                yield SchemaError(
                    f"{field}.markup", "is no VAST document: no player shows it", f"begin with {VAST} version=...>"
                )
            if clip is None or not clip.files:
                fix = "give mime, w and h beside url" if clip else "give duration_s, and mime, w and h beside url"
                yield SchemaError(field, "does not tell what VAST must say of a video: it is never shown", fix)
            elif not clip.protocols and not clip.markup:
                yield SchemaError(
                    f"{field}.protocols", "names no version that is written: it is never shown", "2, 3, 7, 11, 13"
                )


def _videos_of(form: Format, field: str) -> Iterator[tuple[str, VideoFormat | None]]:
    if isinstance(form, VideoFormat):
        yield field, form
    elif isinstance(form, NativeFormat):
        for number, asset in enumerate(form.assets):
            if asset.role == "video":
                yield f"{field}.assets[{number}]", format_of_asset(asset)


def _unencrypted(message: Entity | Control) -> Iterator[SchemaError]:
    """Addresses that a page by HTTPS does not load; an imp with ``secure`` 1 gets them all the same.

    Markup is not looked into.
    """
    for field, url in _loaded(message):
        if url is not None and url.startswith("http:"):
            yield SchemaError(field, "begins with http:, and is shown where imp.secure asks for https:", "use https:")


def _loaded(message: Entity | Control) -> Iterator[tuple[str, str | None]]:
    """What the page itself loads: of an ad, whose creative may be secure; of a creative that says it is."""
    if isinstance(message, Ad):
        for name in ("impression_trackers", "click_trackers"):
            yield from ((f"{name}[{number}]", url) for number, url in enumerate(getattr(message, name)))
        yield from ((f"video_trackers[{number}].url", one.url) for number, one in enumerate(message.video_trackers))
    elif isinstance(message, Creative) and message.secure:
        for number, form in enumerate(message.formats):
            if isinstance(form, NativeFormat):
                yield from (
                    (f"formats[{number}].assets[{place}].url", one.url) for place, one in enumerate(form.assets)
                )
            elif isinstance(form, VideoFormat):
                yield f"formats[{number}].url", form.url
                yield from ((f"formats[{number}].files[{place}].url", one.url) for place, one in enumerate(form.files))


def _kept(fields: Mapping[str, object], message: Entity | Control) -> Iterator[SchemaError]:
    """Fields of later versions (README, What is not decided yet)."""
    names: tuple[str, ...] = ()
    match message:
        case Ad():
            names = ("weight",) if message.weight != 1 else ()
        case Campaign():
            names = tuple(name for name in ("pacing", "objective") if fields.get(name) is not None)
        case LineItem():
            names = ("pricing.goal_event",) if message.pricing.goal_event is not None else ()
        case Policy():
            names = ("exploration_ppm",) if message.exploration_ppm else ()
        case _:
            pass
    yield from (SchemaError(name, "is kept, and changes no decision yet") for name in names)


def _undecided(message: Entity | Control) -> Iterator[SchemaError]:
    """What keeps ads from serving at all, as it is for later versions to decide (README, What is not decided yet)."""
    found = [*undecided(message)] if isinstance(message, LineItem | Campaign) else []
    if isinstance(message, Policy) and message.billable_event.get("impression", "served") != "served":
        found.append(("billable_event.impression", Reason.UNSUPPORTED_BILLABLE_EVENT))
    for field, reason in found:
        whose = "nothing that pays for impressions" if isinstance(message, Policy) else "nothing of it"
        yield SchemaError(field, f"is not decided yet: {whose} serves ({reason.label})", "leave it out")


def _unread(model: Entity | Control) -> Iterator[SchemaError]:
    """Fields of a model that no score depends on, and values of nobody."""
    if not isinstance(model, ModelControl):
        return
    read = READ[model.algorithm]
    bare = ModelControl(name=model.name, predicts=model.predicts, algorithm=model.algorithm)
    for name in dict.fromkeys(itertools.chain.from_iterable(READ.values())):
        if name not in read and getattr(model, name) != getattr(bare, name):
            fix = f"{model.algorithm} reads {', '.join(read)}"
            yield SchemaError(name, f"is not read by the algorithm {model.algorithm}", fix)
    if "cap_ppb" in read and model.cap_ppb is not None and model.predicts not in PROBABILITIES:
        yield SchemaError("cap_ppb", f"limits probabilities, and {model.predicts} is none: it is not read")
    for name in model.values if "values" in read else ():
        owner, colon, identity = name.partition(":")
        if owner not in OWNERS or not colon or not fits(identity, Id):
            fix = f"KIND:ID, KIND one of {', '.join(OWNERS)}"
            yield SchemaError(f"values.{name}", "names nothing that has an id: it is never read", fix)


def _weights(model: Entity | Control) -> Iterator[SchemaError]:
    """Features of requests at paths where a model finds nothing."""
    if not isinstance(model, ModelControl) or "weights" not in READ[model.algorithm]:
        return
    weights = read_weights(model.weights)
    for parts in dict.fromkeys((*weights.request, *weights.cross)):
        path, fix = ".".join(parts), ""
        warning = warning_of(parts)
        if _in_an_array(parts):
            warning, fix = f"{path}: a model does not look into arrays", "use adjudge.placement, adjudge.segments, ..."
        elif warning and parts[0] == "ad":
            fix = f"an ad has {', '.join(ROW_FIELDS)}"
        if warning:
            yield SchemaError(f"weights.{path}", warning, fix)


def _in_an_array(parts: tuple[str, ...]) -> bool:
    """Whether a path leads into an array, where conditions may follow it. Below ``ext`` a length is the feed's own."""
    known = ".".join(parts).startswith(tuple(f"{array}." for array in ARRAYS))
    return known or any(part.isdigit() for part in parts) or (parts[-1] == "length" and "ext" not in parts)


def _stops_nothing(message: Entity | Control) -> Iterator[SchemaError]:
    """Entries of an emergency stop that no valid entity can have."""
    if not isinstance(message, Policy):
        return
    blocked = message.blocked
    ids = {name: getattr(blocked, name) for name in ("advertisers", "line_items", "ads", "labels")}
    shapes: list[tuple[str, tuple[str, ...], Any, str]] = [
        *((name, listed, Id, "it must match [A-Za-z0-9._:-]{1,64}, without a kind before it") for name, listed in ids.items()),
        ("adomain", blocked.adomain, Domain, "a host name such as acme.example"),
        ("cat", blocked.cat, Category, "an id of the taxonomy such as IAB2-3"),
    ]  # fmt: skip
    for name, listed, shape, fix in shapes:
        for number, entry in enumerate(listed):
            if not fits(entry, shape):
                yield SchemaError(f"blocked.{name}[{number}]", f"{entry!r} stops nothing: nothing valid has it", fix)
