"""Structs of many fields, made of smaller ones in one go.

Given by name, each of an impression's sixty fields is looked for among sixty, 5 us together; in their order they take
0.3 us. So what is known at one time stands together in a small struct, and the large one is made of several.
"""

import operator
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def maker(kind: type[T], *groups: type[msgspec.Struct]) -> Callable[[tuple[Any, ...]], T]:
    """What makes a struct from the values of all fields of ``groups``, one group after the other, as ``astuple`` has them.

    A group may have fields besides that the struct has not; what is in none has its default. Raises TypeError where a
    required field is in no group, or where one is in two, or of another type than in the struct.
    """
    wanted = {field.name: field for field in msgspec.structs.fields(kind)}
    places: dict[str, int] = {}
    for place, field in enumerate(field for group in groups for field in msgspec.structs.fields(group)):
        if field.name not in wanted:
            continue
        if field.name in places or field.type != wanted[field.name].type:
            raise TypeError(f"{kind.__name__}.{field.name} is given twice, or as {field.type}")
        places[field.name] = place
    given = sum(len(group.__struct_fields__) for group in groups)
    rest: list[object] = []
    for name, field in wanted.items():
        if name not in places:
            if field.default is msgspec.NODEFAULT:
                raise TypeError(f"{kind.__name__}.{name} is in no group and has no default to share")
            places[name] = given + len(rest)
            rest.append(field.default)
    made, pick, defaults = _in_order(kind), operator.itemgetter(*(places[name] for name in wanted)), tuple(rest)
    return lambda values: made(*pick(values + defaults))


def _in_order(kind: type[T]) -> Callable[..., T]:
    """The same struct, made from the values of all its fields in their order."""
    lean = kind.__struct_config__.omit_defaults  # what is left out has to be known; elsewhere order forbids defaults
    fields = [
        (field.name, field.type, field.default)
        if lean and field.default is not msgspec.NODEFAULT
        else (field.name, field.type)
        for field in msgspec.structs.fields(kind)
    ]
    made = msgspec.defstruct(kind.__name__, fields, bases=(kind,), module=kind.__module__, frozen=True, gc=False)
    return cast("Callable[..., T]", made)
