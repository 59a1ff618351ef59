"""Generated targeting: few paths and few values, so that conditions and attributes meet, of every kind and mixture."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from engine.targeting.condition import KINDS
from engine.targeting.values import Groups, key_of

Json = object

STRINGS = ["a", "A", "b", "", "10", " 2 ", "0x10", "é", "\uffff", "\U0001f600"]
VERSIONS = ["0", "1.2", "1.2.3", "v1.2.3", "1.2.3-beta", "1.2.3-beta.2", "1.2.3+build", "1.10.3", "1..2"]
NUMBERS = [0, 1, 2, 10, 1.0, -1, 2.5, -0.0, 2**53, 2**53 + 1, 1e300, 10**30]
PATTERNS = ["a", "^a", "b$", "^[0-9]+$", "a|1", "^$", "(a+)+$", "[^a]", "1.2"]
GROUP_NAMES = ["g1", "g2", "g3", "g.absent"]
PATHS = ["x", "x", "x", "y", "o.x", "list", "list", "list.0", "list.length", "o"]

# Few values most of the time, so that they meet.
common = st.sampled_from(["a", "A", "b", "10", 1, 2, 10, True, False, None])
strings = st.one_of(st.sampled_from(STRINGS[:3]), st.sampled_from(STRINGS))
numbers = st.one_of(st.sampled_from(NUMBERS[:4]), st.sampled_from(NUMBERS))
scalars = st.one_of(common, common, strings, numbers, st.booleans(), st.none())
versions = st.one_of(st.sampled_from(VERSIONS), numbers)
flat_objects = st.dictionaries(st.sampled_from(["x", "y"]), common, max_size=2).map(
    lambda one: dict(sorted(one.items()))
)
elements = st.one_of(common, common, scalars, flat_objects, st.lists(common, max_size=2))
arrays = st.lists(elements, max_size=4)
values = st.one_of(scalars, scalars, scalars, st.sampled_from(VERSIONS), arrays, arrays, flat_objects)

attributes = st.fixed_dictionaries(
    {"x": values, "list": arrays}, optional={"y": values, "o": st.one_of(flat_objects, scalars)}
)


def _one(operator: str, operands: st.SearchStrategy[Json]) -> st.SearchStrategy[dict[str, Json]]:
    return operands.map(lambda operand: {operator: operand})


# Values of saved groups, by name; of a group that is not there, nothing.
group_values = st.dictionaries(
    st.sampled_from(GROUP_NAMES[:3]),
    st.lists(st.one_of(st.sampled_from(["a", "A", "b", "10", 1, 2]), strings, numbers)),
)


def groups_of(listed: Mapping[str, Sequence[Any]]) -> Groups:
    """The groups as the evaluator and the index take them."""
    return {name: frozenset(map(key_of, values)) for name, values in listed.items()}


groups = group_values.map(groups_of)

_listed = st.lists(scalars, max_size=4)

indexed_operators = st.one_of(
    *(_one(name, scalars) for name in ("$eq", "$ne")),
    *(_one(name, _listed) for name in ("$in", "$nin", "$ini", "$nini")),
    *(_one(name, numbers) for name in ("$lt", "$lte", "$gt", "$gte")),
    *(_one(name, st.sampled_from(GROUP_NAMES)) for name in ("$inGroup", "$notInGroup")),
    _one("$exists", st.booleans()),
)

other_operators = st.one_of(
    *(_one(name, strings) for name in ("$lt", "$lte", "$gt", "$gte")),
    *(_one(name, versions) for name in ("$veq", "$vne", "$vlt", "$vlte", "$vgt", "$vgte")),
    *(_one(name, st.sampled_from(PATTERNS)) for name in ("$regex", "$regexi", "$notRegex", "$notRegexi")),
    _one("$type", st.sampled_from(KINDS)),
    _one("$size", st.one_of(st.integers(0, 3), _one("$gt", st.integers(0, 2)))),
    *(_one(name, st.lists(st.one_of(scalars, _one("$gt", numbers)), max_size=2)) for name in ("$all", "$alli")),
)

literals = st.one_of(scalars, scalars, arrays, flat_objects.filter(bool))


def _together(tests: st.SearchStrategy[dict[str, Json]]) -> st.SearchStrategy[dict[str, Json]]:
    """Up to three objects of operators in one."""
    return st.lists(tests, max_size=3).map(
        lambda many: {name: operand for one in many for name, operand in one.items()}
    )


def _tests(operators: st.SearchStrategy[dict[str, Json]], equals: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    simple = st.one_of(_together(operators), equals)
    return st.one_of(simple, simple, _together(st.one_of(operators, _one("$not", simple))))


def _grouped(fields: st.SearchStrategy[dict[str, Json]], depth: int) -> st.SearchStrategy[dict[str, Json]]:
    if depth == 0:
        return fields
    inner = _grouped(fields, depth - 1)
    many = st.lists(inner, max_size=3)
    groups = st.one_of(*(_one(name, many) for name in ("$and", "$or", "$nor")), _one("$not", inner))
    return st.one_of(fields, st.tuples(fields, groups).map(lambda both: both[0] | both[1]), groups)


def _fields(tests: st.SearchStrategy[Json]) -> st.SearchStrategy[dict[str, Json]]:
    return st.dictionaries(st.sampled_from(PATHS), tests, max_size=3)


_every_test = _tests(st.one_of(indexed_operators, other_operators), literals)
_elem_match = _one("$elemMatch", st.one_of(_together(indexed_operators), _grouped(_fields(_every_test), 1)))

# Of one value: every test, and what the index holds in full.
tests = st.one_of(_every_test, _every_test, _elem_match)
indexed_tests = _tests(indexed_operators, scalars)

# Of a request: the same.
conditions = _grouped(_fields(tests), 2)
indexed_conditions = _grouped(_fields(indexed_tests), 2)


# Small enough to try every operator with every operand on every value.
_OPERANDS: list[Json] = ["a", "A", "b", "10", "é", "\U0001f600", 0, 1, 10, 2.5, 2**53, True, False, None]
_LONG: list[Json] = ["A", "b", "é", 0, 2.5, 2**53, True, None, "10"]  # more than MEMBERS_FEW_MAX
_FEW: list[list[Json]] = [[], ["a"], ["A", "b"], [1, "a"], [True], [False, 10], [None], ["a", 0, 2.5], ["10", 2**53]]
_LISTS: list[list[Json]] = [*_FEW, _LONG]


def _each(names: str, operands: Sequence[Json]) -> list[dict[str, Json]]:
    return [{name: operand} for name in names.split() for operand in operands]


RANGE_TESTS = _each("$lt $lte $gt $gte", [0, 1, 10, 2.5, 2**53, -1])
INDEXED_TESTS = [
    *_each("$eq $ne", _OPERANDS),
    *_each("$in $nin $ini $nini", _LISTS),
    *RANGE_TESTS,
    *_each("$inGroup $notInGroup", ["texts", "numbers", "absent"]),
    *_each("$exists", [True, False]),
]
OTHER_TESTS = [
    *_each("$lt $lte $gt $gte", [operand for operand in _OPERANDS if isinstance(operand, str)]),
    *_each("$veq $vne $vlt $vlte $vgt $vgte", ["0", "1.2.3", "v1.2.3-beta", "1.10.3", "a", 10, 2.5]),
    *_each("$regex $regexi $notRegex $notRegexi", PATTERNS),
    *_each("$type", KINDS),
    *_each("$size", [0, 1, 2, {"$gt": 1}, {"$in": [0, 2]}]),
    *_each("$all $alli", [*_LISTS, [{"$gt": 0}], ["a", {"$type": "number"}]]),
    *_each(
        "$elemMatch", [{}, {"$eq": "a"}, {"$gt": 0}, {"$exists": False}, {"x": "a"}, {"$or": [{"x": 1}, {"y": None}]}]
    ),
]
EVERY_GROUP: dict[str, list[Json]] = {"texts": ["a", "10", "\U0001f600"], "numbers": [0, 1, 2.5, 2**53]}
EVERY_VALUE: list[Json] = [
    *_OPERANDS,
    *([operand] for operand in _OPERANDS),
    *("", " 10 ", "0x10", "1.2.3", "1.2.3-beta+x", "1.10.3", "ab", "\uffff", 1.0, -1, 2, 2**53 + 1, 1e300, 10**30),
    *(
        [],
        ["a", "A"],
        ["a", 1, None],
        [True, 10],
        ["b", "10", 2.5],
        [[], ["a"]],
        [{"x": "a"}],
        [{"x": 1}, {"y": 2}],
        [0, "x"],
    ),
    *({}, {"x": "a"}, {"x": 1, "y": None}),
]
