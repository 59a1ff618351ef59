"""What is wrong with the messages of a file, as the engine would see it, and what is merely odd.

Entities and controls get the checks of the engine's own readers, ``engine/catalog.py`` and ``engine/controls.py``; a test
holds that each accepts what the other does.
"""

import collections
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from engine.controls import check_room, values_of, with_group
from engine.entity_check import Key, check_entity, named_references
from engine.models.registry import build
from engine.request_reading import readable, take_request
from engine.targeting.values import NO_GROUPS, Groups
from schemas.controls import (
    CONTROL_KINDS,
    Control,
    Group,
    ModelControl,
    Policy,
    control_key,
    decode_control,
    parse_control_key,
)
from schemas.entities import (
    KINDS,
    Advertiser,
    Campaign,
    Conversion,
    Entity,
    decode_entity,
    entity_key,
    parse_entity_key,
)
from schemas.errors import SchemaError
from schemas.openrtb import AdRequest
from schemas.request_key import request_key
from schemas.unknown_fields import unknown_fields
from scripts.message_files import Item
from scripts.message_warnings import empty_flights, warnings_of, warnings_of_imps

NOTES_MAX: Final = 200  # errors, and warnings, that a report lists; the rest is counted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An error or a warning: the line where the message begins, the message, and the field with its fix."""

    line: int
    message: str
    field: str
    problem: str
    fix: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One good message: the topic it belongs to, its key there, its bytes, and what is odd about it.

    A removal has neither ``value`` nor ``message``.
    """

    topic: str
    key: bytes
    value: bytes | None
    message: Entity | Control | AdRequest | None
    warnings: tuple[SchemaError, ...] = ()


def check_item(item: Item) -> Checked:
    """Raises SchemaError when the engine would not accept it."""
    if item.fields is None:
        raise SchemaError(item.field, item.problem)
    kind = item.fields.get("kind")
    if "kind" not in item.fields and "imp" in item.fields:
        return _request(item)
    if item.repeated and kind in (*KINDS, *CONTROL_KINDS):
        raise _repeated(item.repeated[0])
    if kind in KINDS:
        return _entity(item, item.fields, str(kind))
    if kind in CONTROL_KINDS:
        return _control(item, item.fields, str(kind))
    known = f"an entity ({', '.join(KINDS)}), a control ({', '.join(CONTROL_KINDS)}), or no kind but imp: a request"
    if "kind" not in item.fields:
        raise SchemaError("kind", "is required and missing", known)
    raise SchemaError("kind", f"{kind!r} is not known", known)


def check_removal(item: Item) -> Checked:
    """The removal of an entity or control, of which kind and id (or name) are looked at: it may be invalid itself.

    Raises SchemaError when they are not there, or no key could be made of them.
    """
    if item.fields is None:
        raise SchemaError(item.field, item.problem)
    kind = item.fields.get("kind")
    of_entity, of_control = kind in KINDS, kind in CONTROL_KINDS
    if not (of_entity or of_control):
        known = f"what can be removed is an entity ({', '.join(KINDS)}) or a control ({', '.join(CONTROL_KINDS)})"
        raise SchemaError("kind", f"{kind!r} is not known" if kind is not None else "is required and missing", known)
    field = "id" if of_entity else "name"
    if repeated := [name for name in item.repeated if name in {"kind", field}]:
        raise _repeated(repeated[0])
    key = f"{kind}/{_identity(item.fields, field)}".encode()
    with _own_id(field):
        if of_entity:
            parse_entity_key(key)
        else:
            parse_control_key(key)
    return Checked(topic="campaign-updates" if of_entity else "controls", key=key, value=None, message=None)


def _repeated(field: str) -> SchemaError:
    return SchemaError(field, "is given more than once", "the last one would count: keep the one that is meant")


def name_of(item: Item) -> str:
    """``kind/id`` of a message for people, or what is readable of it."""
    fields = item.fields or {}
    kind = fields.get("kind", "request" if "imp" in fields else "message")
    identity = fields.get("name" if kind in CONTROL_KINDS else "id", "?")
    return f"{str(kind)[:20]}/{str(identity)[:64]}"


def _entity(item: Item, fields: Mapping[str, object], kind: str) -> Checked:
    with _own_id("id"):
        entity = decode_entity(f"{kind}/{_identity(fields, 'id')}".encode(), item.raw)
    warnings = tuple(
        SchemaError(unknown.field, f"{unknown.problem}, and is not read", unknown.fix)
        for unknown in unknown_fields(fields, Entity)
    )
    warnings += warnings_of(entity, fields)
    check_entity(entity)
    if isinstance(entity, Campaign) and entity.timezone:
        warnings += tuple(empty_flights(entity, entity.timezone))
    return Checked(topic="campaign-updates", key=entity_key(entity), value=item.raw, message=entity, warnings=warnings)


def _control(item: Item, fields: Mapping[str, object], kind: str) -> Checked:
    with _own_id("name"):
        control = decode_control(f"{kind}/{_identity(fields, 'name')}".encode(), item.raw)
    warnings = warnings_of(control, fields)
    if isinstance(control, ModelControl):
        build(control)
    return Checked(topic="controls", key=control_key(control), value=item.raw, message=control, warnings=warnings)


def _request(item: Item) -> Checked:
    request = take_request(item.raw)
    key = request_key(request.typed)
    readable(key, item.raw)
    warnings = (*(_repeated(field) for field in item.repeated), *warnings_of_imps(request.typed.imp))
    return Checked(topic="requests", key=key, value=item.raw, message=request, warnings=warnings)


def _identity(fields: Mapping[str, object], field: str) -> str:
    value = fields.get(field)
    if value is None:
        raise SchemaError(field, "is required and missing")
    if not isinstance(value, str):
        raise SchemaError(field, "must be a text")
    return value


@contextlib.contextmanager
def _own_id(field: str) -> Iterator[None]:
    """The key is made from the message itself: what is wrong with it is wrong with that field."""
    try:
        yield
    except SchemaError as error:
        if error.field == "key":
            raise SchemaError(field, error.problem, error.fix) from error
        raise


class Report:
    """What a whole file comes to; ``add`` each item in order, then ask. ``check``: what is made of an item."""

    def __init__(self, check: Callable[[Item], Checked] = check_item) -> None:
        self._check = check
        self.counts = collections.Counter[str]()
        self.errors: list[Note] = []
        self.warnings: list[Note] = []
        self.errors_found = 0
        self.warnings_found = 0
        self._policies: dict[str, int] = {}  # name to line
        self._groups: Groups = NO_GROUPS
        self._seen: dict[tuple[str, bytes], int] = {}
        self._entities: dict[Key, tuple[int, Entity]] = {}

    @property
    def ok(self) -> bool:
        """Whether there are messages, and all of them good."""
        return self.messages > 0 and not self.errors_found

    @property
    def messages(self) -> int:
        """Good messages."""
        return self.counts.total()

    def add(self, item: Item) -> Checked | None:
        """Check one message and keep what there is to say; None when it is not acceptable."""
        try:
            checked = self._check(item)
            if isinstance(checked.message, Policy):
                check_room("policy", checked.message.name, self._policies)
                self._policies[checked.message.name] = item.line
            elif isinstance(checked.message, Group):
                self._groups = with_group(self._groups, checked.message.name, values_of(checked.message))
        except SchemaError as error:
            self._error(_note(item.line, name_of(item), error))
            return None
        self.counts[checked.topic] += 1
        for odd in checked.warnings:
            self._warn(_note(item.line, name_of(item), odd))
        if checked.topic != "requests":
            self._remember(item, checked)
        return checked

    def misplaced(self, item: Item, topic: str, expected: str, *, options: str = "") -> None:
        """An acceptable message that does not belong on the topic it is meant for. ``options``: of the right command."""
        fix = f"`adjudge load {topic} FILE{options}`"
        problem = SchemaError("kind", f"belongs on {topic}, not on {expected}", fix)
        self._error(_note(item.line, name_of(item), problem))

    def finish(self) -> None:
        """Say that there was nothing; warn of references that lead out of the file, whatever the order of arrival."""
        if not self.messages and not self.errors_found:
            self._error(Note(line=1, message="", field="", problem="the file is empty: no message is in it"))
        if not any(kind == "advertiser" for kind, _ in self._entities):
            return  # a partial file: its parents may be there already
        for (kind, identity), (line, entity) in self._entities.items():
            for odd in (*self._missing(entity), *self._never(entity)):
                self._warn(_note(line, f"{kind}/{identity}", odd))

    def _missing(self, entity: Entity) -> Iterator[SchemaError]:
        for field, address in named_references(entity):
            if address not in self._entities:
                problem = f"{'/'.join(address)} is not in this file"
                serves = isinstance(entity, Conversion)  # of which the engine asks no more than that it is there
                yield SchemaError(field, problem, "" if serves else "nothing serves until it is on the topic")

    def _never(self, entity: Entity) -> Iterator[SchemaError]:
        """Flights of a campaign that has its time zone from an advertiser of the file."""
        if isinstance(entity, Campaign) and not entity.timezone:
            _, advertiser = self._entities.get(("advertiser", entity.advertiser_id), (0, None))
            if isinstance(advertiser, Advertiser):
                yield from empty_flights(entity, advertiser.timezone)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "ok": self.ok,
            "messages": self.messages,
            "by_topic": dict(self.counts),
            "errors_found": self.errors_found,
            "warnings_found": self.warnings_found,
            "errors": [dataclasses.asdict(note) for note in self.errors],
            "warnings": [dataclasses.asdict(note) for note in self.warnings],
        }

    def _remember(self, item: Item, checked: Checked) -> None:
        place = (checked.topic, checked.key)
        if place in self._seen:
            problem = SchemaError("", f"was given on line {self._seen[place]} already", "the last one counts")
            self._warn(_note(item.line, name_of(item), problem))
        self._seen[place] = item.line
        message = checked.message
        if isinstance(message, Entity):
            self._entities[(message.kind, message.id)] = (item.line, message)

    def _error(self, note: Note) -> None:
        self.errors_found += 1
        if len(self.errors) < NOTES_MAX:
            self.errors.append(note)

    def _warn(self, note: Note) -> None:
        self.warnings_found += 1
        if len(self.warnings) < NOTES_MAX:
            self.warnings.append(note)


def _note(line: int, message: str, error: SchemaError) -> Note:
    return Note(line=line, message=message, field=error.field, problem=error.problem, fix=error.fix)
