"""docs/privacy.md: every row of its table of signals is put to the engine, and DSA transparency is what it says."""

import json
import pathlib
import re
from typing import Any, Final

import pytest

from engine.decide import decide
from engine.dsa import parameters, read_dsa
from engine.gpp import permits
from engine.privacy import basis
from tests.builders import Stage, advertiser, banner_imp, one_ad, place, request
from tests.documents import rows, section
from tests.oracle.privacy_signals import SECTIONS, write_gpp, write_tc, write_us

Json = dict[str, Any]

PAGE: Final = (pathlib.Path(__file__).parents[2] / "docs" / "privacy.md").read_text("utf-8")
STRINGS: Final = {
    "VENDOR": write_tc((1, 3, 4), vendors=(7, 812)),
    "PURPOSES": write_tc((1, 3, 4)),
    "PART": write_tc((1, 3)),
    "FORBIDDEN": write_tc((1, 3, 4), vendors=(7, 812), denied={4: 0}),
}
TABLE: Final = rows(section(PAGE, "## Signals"))


def with_value(place_: str, text: str) -> Json:
    """A request with one value; GDPR applies where a consent string is told of."""
    for name, string in STRINGS.items():
        text = text.replace(f'"{name}"', f'"{string}"').replace(f"~{name}", f"~{string}")
    value = json.loads(text)
    for part in reversed(place_.split(".")):
        value = {part: value}
    return {"regs": {"gdpr": 1}, **value} if place_.endswith("consent") else value


@pytest.mark.parametrize("row", TABLE, ids=" ".join)
def test_a_request_as_in_the_row_is_personalised_as_the_row_says(row: list[str]) -> None:
    signal, where, value, vendor, told, meaning = row
    assert signal
    assert meaning
    found = basis(with_value(where, value), tcf_vendor_id=int(vendor or 0))
    assert (found.personalised, found.basis) == (told == "ok", told)


def test_the_table_has_rows_of_every_signal() -> None:
    assert {row[4] for row in TABLE} == {"ok", "coppa", "gdpr", "us_privacy", "lmt", "dnt", "gpp", "gpc", "unreadable"}
    assert len(TABLE) > 40


def test_the_sections_of_gpp_are_those_that_are_named() -> None:
    listed = section(PAGE, "## GPP strings").replace("\n", " ").partition("Sections read")[2].partition("Any other")[0]
    told = [int(number) for number in re.findall(r"[,:] (\d+) ", listed)]
    texts = {2: STRINGS["VENDOR"], 6: "1YNN", **{number: write_us(number) for number in SECTIONS}}
    strings = {number: write_gpp({number: texts.get(number, "BAAAAAAAAAAA")}) for number in range(5, 40)}
    assert told == [2, *(number for number, whole in strings.items() if permits(whole, (number,), 0))]


# ---- DSA transparency


def dsa_of(asked: Json, *, domain: str | None = None, targeting: Json | None = None, **fields: Any) -> Json | None:
    """``ext.dsa`` of the one bid; the reason under ``why`` where there is no bid."""
    stage = Stage(*one_ad())
    stage.put(advertiser(**fields))
    if targeting is not None:
        stage.put({**one_ad()[2], "targeting": targeting})
    if domain is not None:
        stage.control({"kind": "limits", "name": "default", "version": 1, "dsa_domain": domain})
    decided = decide(
        request(banner_imp(), regs={"ext": {"dsa": asked}}, user={"yob": 1980}, device={"geo": {"lat": 1.5}}),
        stage.world(),
        place(),
        duplicate=False,
    )
    if not decided.result.seatbid:
        return {"why": dict(decided.result.ext.adjudge.why)}
    said = decided.result.seatbid[0].bid[0].ext.dsa
    if said is None:
        return None
    facts = [{"domain": one.domain, "dsaparams": list(one.dsaparams)} for one in said.transparency]
    return {"behalf": said.behalf, "paid": said.paid, "adrender": said.adrender, "transparency": facts}


REQUIRED: Final = {"dsarequired": 3, "pubrender": 1, "datatopub": 2}
PAID: Final = {"behalf": "Acme Motors", "paid": "Acme Holding"}


def test_a_bid_says_who_paid_on_whose_behalf_and_why() -> None:
    assert dsa_of(REQUIRED, dsa=PAID, domain="ads.example", targeting={"user.yob": {"$gte": 1970}}) == {
        **PAID, "adrender": 0, "transparency": [{"domain": "ads.example", "dsaparams": [1, 2]}],
    }  # fmt: skip
    said = dsa_of(REQUIRED, name="Acme", adomain=["acme.example"], targeting={"device.geo.lat": {"$gt": 1}})
    assert said == {
        "behalf": "Acme", "paid": "Acme", "adrender": 0, "transparency": [{"domain": "acme.example", "dsaparams": [2, 3]}],
    }  # fmt: skip
    assert dsa_of({}, name="Acme") is None


def test_what_is_asked_outside_of_an_extension_is_asked_all_the_same() -> None:
    within = read_dsa({"regs": {"ext": {"dsa": REQUIRED}}})
    assert within is not None
    assert read_dsa({"regs": {"dsa": REQUIRED}}) == within


def test_an_ad_without_a_domain_names_no_parameters() -> None:
    said = dsa_of(REQUIRED, dsa=PAID, adomain=[])
    assert said == {**PAID, "adrender": 0, "transparency": []}


def test_a_name_that_is_no_name_or_too_long_is_not_said() -> None:
    for name in ("", "N" * 101):
        for required in ("2", 2, 3):
            assert dsa_of({"dsarequired": required}, name=name) == {"why": {"dsa_unavailable": 1}}
        for optional in (0, 1, None):
            assert dsa_of({"dsarequired": optional}, name=name) is None
    assert dsa_of(REQUIRED, name="N" * 100) is not None
    assert dsa_of(REQUIRED, name="", dsa={"paid": "Acme"}) == {"why": {"dsa_unavailable": 1}}
    assert dsa_of(REQUIRED, name="", dsa=PAID) is not None


@pytest.mark.parametrize(
    ("publisher", "renders", "adrender"),
    [(0, True, 1), (0, False, None), (1, True, 1), (1, False, 0), (2, True, 0), (2, False, 0), (None, True, 1)],
)
def test_who_shows_it(publisher: int | None, adrender: int | None, *, renders: bool) -> None:
    said = dsa_of({"dsarequired": 2, "pubrender": publisher}, dsa={**PAID, "renders": renders}) or {}
    assert said.get("adrender") == adrender
    assert said.get("why") == ({"dsa_unavailable": 1} if adrender is None else None)


@pytest.mark.parametrize("required", [{}, {"dsarequired": 0}, {"dsarequired": 1}])
def test_a_bid_says_nothing_that_nobody_would_show(required: Json) -> None:
    assert dsa_of({**required, "pubrender": 0}, dsa=PAID) is None
    assert dsa_of({**required, "pubrender": 1}, dsa=PAID) is not None
    said = dsa_of({**required, "pubrender": 0}, dsa={**PAID, "renders": True})
    assert said is not None
    assert said["adrender"] == 1


def test_the_parameters_are_left_out_where_nobody_has_a_use_for_them() -> None:
    dsa = {**PAID, "renders": True}
    for publisher, data, there in ((0, 0, False), (0, 1, True), (0, 2, True), (1, 0, True), (2, 0, True)):
        asked = {"dsarequired": 2, "pubrender": publisher, "datatopub": data}
        assert bool((dsa_of(asked, dsa=dsa, domain="ads.example") or {})["transparency"]) is there


def test_the_parameters_are_those_of_the_page() -> None:
    told = rows(section(PAGE, "### User parameters"))
    assert [row[:2] for row in told] == [["profiling", "1"], ["basic advertising", "2"], ["precise geolocation", "3"]]
    assert [parameters((path,)) for path in re.findall(r"adjudge\.\w+", told[0][2])] == [(1, 2)] * 3
    assert parameters(()) == (2,)
    assert parameters(("device.os", "site.cat", "imp.0.tagid", "adjudge.hour", "device.geo.country")) == (2,)
    for path in ("user.data.0", "adjudge.segments", "adjudge", "device.ifa", "user.yob", "ext"):
        assert parameters((path, "device.os")) == (1, 2)
    assert parameters(("device.geo",)) == parameters(("user.geo.lon",)) == (2, 3)
    assert parameters(("device",)) == parameters(("user",)) == (1, 2, 3)
