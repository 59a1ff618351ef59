"""Which signals forbid personalisation, and what then remains of a request."""

import copy

import pytest

from engine.privacy import REMOVED, Basis, Privacy, basis, known_adult, reads_personal, strip
from tests.oracle.privacy_signals import write_tc

CONSENT = write_tc((1, 2, 3, 4))
PART = write_tc((1, 2, 3))
OK = Privacy(personalised=True, basis="ok")
JUNE_2026 = 1_780_300_800_000


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"regs": None, "user": None, "device": None},
        {"regs": {"coppa": 0, "gdpr": "0", "us_privacy": "1YNN", "ext": {"gdpr": None, "us_privacy": "1---"}}},
        {"regs": {"gdpr": 1}, "user": {"consent": CONSENT}},
        {"regs": {"ext": {"gdpr": 1}}, "user": {"ext": {"consent": CONSENT}}},
        {"regs": {"gdpr": 1}, "user": {"consent": CONSENT, "ext": {"consent": ""}}},
        {"device": {"lmt": 0, "dnt": "0", "ext": {"dnt": False}}},
        {"device": {"lmt": "0.0", "dnt": 0.0, "ext": {"lmt": "false", "dnt": ""}}},
        {"regs": {"gpp": f"DBABM~{CONSENT}", "gpp_sid": [2]}},
        {"regs": {"gpp": f"DBABM~{CONSENT}", "gpp_sid": [3], "gdpr": 1}},
        {"regs": {"gpp": f"DBABM~{CONSENT}", "gpp_sid": ["2"], "gdpr": 1}},
        {"regs": {"gpp": "", "gpp_sid": [], "ext": {"gpp": None, "gpp_sid": None}}},
        {"regs": {"gpp": "DBABTA~1YYN", "gpp_sid": [-1]}},
        {"regs": {"gpp": "unreadable", "gpp_sid": 0}},
        {"regs": {"gpp": "DBABTA~1YYN", "gpp_sid": [-1, 0]}},
        {"regs": {"gpp": "DBABTA~1YNN", "gpp_sid": [6], "gdpr": 1}, "user": {"consent": CONSENT}},
        {"regs": {"gpp": f"DBABM~{PART}", "gpp_sid": [-1], "gdpr": 1}, "user": {"consent": CONSENT}},
        {"regs": {"gpp": f"DBABM~{PART}", "gpp_sid": [-1, 0], "gdpr": 1}, "user": {"consent": CONSENT}},
        {"regs": {"gpp": "DBABTA~1YNN", "gpp_sid": [-1, 6]}},
        {"regs": {"gpp": "DBABTA~1YNN", "gpp_sid": [0, 6]}},
        {"regs": {"gpp": "DBABTA~1YNN"}},
        {"regs": {"us_privacy": ""}},
        {"regs": {"gpc": None, "ext": {"gpc": "0"}}},
        {"regs": {"ext": None}, "device": {"ext": None}, "user": {"ext": None}},
        {"regs": {}, "device": {"ext": {}}, "user": {"ext": []}},
    ],
)
def test_personalised(fields: dict[str, object]) -> None:
    assert basis(fields) == OK


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"regs": {"coppa": 1}}, "coppa"),
        ({"regs": {"coppa": "1"}}, "coppa"),
        ({"regs": {"coppa": True}}, "coppa"),
        ({"regs": {"ext": {"coppa": 1.0}}}, "coppa"),
        ({"regs": {"gdpr": 1}}, "gdpr"),
        ({"regs": {"gdpr": "1"}, "user": {"consent": "unreadable"}}, "gdpr"),
        ({"regs": {"gdpr": 1}, "user": {"consent": PART}}, "gdpr"),
        ({"regs": {"gdpr": 1}, "user": {"consent": CONSENT, "ext": {"consent": PART}}}, "gdpr"),
        ({"regs": {"gdpr": 0, "ext": {"gdpr": 1}}}, "gdpr"),
        ({"regs": {"gdpr": {"applies": 1}}}, "gdpr"),
        ({"regs": {"gdpr": 1}, "user": "someone"}, "gdpr"),
        ({"regs": {"us_privacy": "1YYN"}}, "us_privacy"),
        ({"regs": {"ext": {"us_privacy": "1nyn"}}}, "us_privacy"),
        ({"regs": {"us_privacy": "1YNN", "ext": {"us_privacy": "1YYN"}}}, "us_privacy"),
        ({"regs": {"us_privacy": "opt-out"}}, "us_privacy"),
        ({"regs": {"us_privacy": 1}}, "us_privacy"),
        ({"device": {"lmt": 1}}, "lmt"),
        ({"device": {"lmt": "1", "dnt": 1}}, "lmt"),
        ({"device": {"dnt": True}}, "dnt"),
        ({"device": {"dnt": "yes"}}, "dnt"),
        ({"device": {"lmt": "true"}}, "lmt"),
        ({"device": {"lmt": []}}, "lmt"),
        ({"regs": {"gdpr": 1}, "user": {"consent": CONSENT, "ext": "consent"}}, "gdpr"),
        ({"regs": {"gpp": "DBABMA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", "gpp_sid": [2]}}, "gpp"),
        ({"regs": {"gpp": f"DBABM~{CONSENT}", "gpp_sid": [2], "gdpr": 1}, "user": {"consent": PART}}, "gdpr"),
        ({"regs": {"gpp": f"DBABM~{CONSENT}", "gpp_sid": [6], "gdpr": 1}}, "gdpr"),
        ({"regs": {"gpp": "DBABTA~1YYN"}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YYN", "gpp_sid": [-1, 6]}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YYN", "gpp_sid": [3]}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YYN", "gpp_sid": [3, 4]}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YYN", "gpp_sid": [-7]}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YNN", "gpp_sid": [6], "ext": {"gpp": "DBABTA~1YYN"}}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YNN", "ext": {"gpp_sid": [7]}}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YNN", "gpp_sid": ["usp"]}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YNN", "gpp_sid": [6, "usp"]}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YNN", "gpp_sid": [1]}}, "gpp"),
        ({"regs": {"gpp_sid": ["usp"], "gdpr": 1}, "user": {"consent": CONSENT}}, "gpp"),
        ({"regs": {"gpp": 7, "gdpr": 1}, "user": {"consent": CONSENT}}, "gpp"),
        ({"regs": {"gpp": "unreadable"}}, "gpp"),
        ({"regs": {"gpp": ["DBABTA~1YNN"]}}, "gpp"),
        ({"regs": {"gpp_sid": [7]}}, "gpp"),
        ({"regs": {"gpp": "DBABTA~1YYN"}, "device": {"dnt": 1}}, "dnt"),
        ({"regs": {"ext": {"gpc": "1"}}}, "gpc"),
        ({"regs": {"gpc": 1, "gpp": "DBABTA~1YNN"}}, "gpc"),
        ({"regs": {"gpp": "DBABTA~1YYN", "ext": {"gpc": "1"}}}, "gpp"),
        ({"regs": [{"coppa": 1}]}, "unreadable"),
        ({"regs": "gdpr=1"}, "unreadable"),
        ({"regs": 0}, "unreadable"),
        ({"regs": {"ext": [{"us_privacy": "1YYN"}]}}, "unreadable"),
        ({"regs": {"coppa": 1, "ext": ""}}, "coppa"),
        ({"device": "lmt"}, "unreadable"),
        ({"device": {"ext": False}}, "unreadable"),
    ],
)
def test_not_personalised(fields: dict[str, object], why: Basis) -> None:
    assert basis(fields) == Privacy(personalised=False, basis=why)


def filled(path: str) -> dict[str, object]:
    *parents, name = path.split(".")
    fields: dict[str, object] = {name: {"inner": "secret"}, "kept": 1}
    for parent in reversed(parents):
        fields = {parent: fields}
    return fields


def leaves(fields: object) -> list[object]:
    return [leaf for value in fields.values() for leaf in leaves(value)] if isinstance(fields, dict) else [fields]


@pytest.mark.parametrize("path", REMOVED)
def test_removed_path_is_gone_and_its_neighbour_stays(path: str) -> None:
    fields = filled(path)
    before = copy.deepcopy(fields)
    assert leaves(strip(fields)) == [1]
    assert fields == before


def test_strip_keeps_the_rest() -> None:
    fields = {
        "id": "r1",
        "imp": [{"id": "1", "ext": {"adjudge": {"position": 3}}}],
        "device": {"ua": "x", "ip": "1.2.3.4", "ipv6": "::1", "ifa": "i", "didsha1": "d",
                   "geo": {"lat": 1.5, "lon": 2.5, "zip": "00100", "country": "ITA", "region": "62", "metro": "1",
                           "city": "ROM", "utcoffset": 60}},
        "user": {"id": "u1", "yob": 1980, "data": [{"segment": [{"id": "s1"}]}], "consent": "C", "eids": []},
        "site": {"keywords": "a,b", "content": {"data": [{"segment": [{"id": "page"}]}]}},
        "ext": {"adjudge": {"session_id": "s", "interests": ["x"], "community": "c"}},
    }  # fmt: skip
    assert strip(fields) == {
        "id": "r1",
        "imp": fields["imp"],
        "device": {"ua": "x", "geo": {"country": "ITA", "region": "62", "metro": "1", "city": "ROM", "utcoffset": 60}},
        "user": {"consent": "C"},
        "site": fields["site"],
        "ext": {"adjudge": {"session_id": "s", "community": "c"}},
    }


def test_what_hides_removed_fields_in_another_shape_is_removed_whole() -> None:
    assert strip({"user": [{"id": "u1"}], "device": "ip=1.2.3.4", "ext": 1, "site": "x"}) == {"site": "x"}
    assert strip({"device": {"geo": "41.9,12.5", "os": "ios"}}) == {"device": {"os": "ios"}}


@pytest.mark.parametrize(
    "path",
    [
        *REMOVED, "user", "user.data.0.segment", "user.ext.interests", "user.geo", "device", "device.geo", "device.geo.lat",
        "device.ext.atts", "adjudge", "adjudge.segments", "adjudge.interests", "adjudge.segments.0", "adjudge.keywords", "ext",
        "ext.adjudge",
    ],
)  # fmt: skip
def test_paths_that_read_personal_data(path: str) -> None:
    assert reads_personal(["site.domain", path])


@pytest.mark.parametrize(
    "path",
    [
        "site.domain", "user.consent", "user.idx", "users", "device.geo.country", "device.ipx", "device.ua", "adjudge.hour",
        "site.keywords", "adjudge.community", "ext.adjudge.session_id", "ext.other", "app.ext", "useragent",
    ],
)  # fmt: skip
def test_paths_that_read_nothing_personal(path: str) -> None:
    assert not reads_personal([path])
    assert not reads_personal([])


@pytest.mark.parametrize(
    ("born", "adult"),
    [
        (2007, True), ("2007", True), (2007.0, True), (1950, True), (2008, False), (2020, False), (1906, True), (1905, False), (1900, False), (0, False),
        (None, False), ("unknown", False), (2030, False), ([1980], False),
    ],
)  # fmt: skip
def test_known_adult_is_certain_whatever_the_birthday(born: object, *, adult: bool) -> None:
    assert known_adult({"user": {"yob": born}}, event_time_ms=JUNE_2026) is adult


def test_the_year_of_an_event_begins_in_utc() -> None:
    new_year_2027 = 1_798_761_600_000
    ages = [known_adult({"user": {"yob": 2008}}, event_time_ms=new_year_2027 + passed) for passed in (-1, 0)]
    assert ages == [False, True]


def test_nobody_unknown_is_an_adult() -> None:
    assert not known_adult({}, event_time_ms=JUNE_2026)
    assert not known_adult(strip({"user": {"yob": 1980}}), event_time_ms=JUNE_2026)
