"""Fitting against a slow oracle that reads the request's plain JSON."""

import itertools
from fractions import Fraction
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.format_table import FormatTable
from engine.formats import FITS, FORMAT_MISMATCH, SIZE_MISMATCH, chosen_format, fits, format_signature, imp_spec
from engine.layout import CANDIDATE, UNKNOWN
from engine.matching import matching
from engine.reasons import Reason
from schemas.entities import Asset, BannerFormat, Format, NativeFormat, VideoFormat
from schemas.openrtb import read_request

sides = st.sampled_from([1, 2, 3])
mimes = st.sampled_from(["image/png", "image/jpeg"])
banners = st.builds(BannerFormat, w=sides, h=sides, markup=st.just(""))
titles = st.builds(Asset, role=st.just("title"), text=st.text("a", max_size=4))
images = st.builds(
    Asset,
    role=st.sampled_from(["icon", "main_image"]),
    url=st.just("https://a.example/i"),
    w=sides,
    h=sides,
    mime=mimes,
)
natives = st.builds(NativeFormat, assets=st.lists(titles | images, min_size=1, max_size=4).map(tuple))
videos = st.builds(VideoFormat, duration_s=st.just(5))
creatives = st.lists(banners | natives | videos, max_size=4)

sizes = st.fixed_dictionaries({"w": sides, "h": sides}) | st.fixed_dictionaries(
    {}, optional={"w": sides, "wratio": sides, "hratio": sides, "wmin": sides}
)
banner_imps = st.fixed_dictionaries(
    {},
    optional={"w": sides, "h": sides, "format": st.lists(sizes, max_size=2)},
)
image_wishes = st.fixed_dictionaries(
    {"type": st.sampled_from([1, 3])},
    optional={"w": sides, "h": sides, "wmin": sides, "hmin": sides, "mimes": st.lists(mimes, max_size=1)},
)
wishes = st.one_of(
    st.fixed_dictionaries({"title": st.fixed_dictionaries({"len": st.integers(0, 4)})}),
    st.fixed_dictionaries({"img": image_wishes}),
)
native_imps = st.lists(st.tuples(wishes, st.booleans()), min_size=1, max_size=4)


def slow_asset(wish: dict[str, Any], asset: Asset) -> bool:
    if "title" in wish:
        most = wish["title"]["len"]
        return asset.role == "title" and (most == 0 or len(asset.text or "") <= most)
    image = wish["img"]
    if asset.role != {1: "icon", 3: "main_image"}[image["type"]]:
        return False
    for side, size in (("w", asset.w), ("h", asset.h)):
        assert size is not None
        least, exact = image.get(f"{side}min"), image.get(side)
        if (least is not None and size < least) or (least is None and exact is not None and size != exact):
            return False
    return not image.get("mimes") or asset.mime in image["mimes"]


def slow_answers(required: list[dict[str, Any]], assets: tuple[Asset, ...]) -> bool:
    """Whether some order of the assets answers the required ones one by one."""
    return any(
        all(slow_asset(wish, asset) for wish, asset in zip(required, chosen, strict=True))
        for chosen in itertools.permutations(assets, len(required))
    )


def slow_size(wish: dict[str, int], form: BannerFormat) -> bool:
    if {"w", "h"} & {*wish}:
        return (wish.get("w"), wish.get("h")) == (form.w, form.h)
    if not {"wratio", "hratio"} <= {*wish}:
        return False
    return Fraction(wish["wratio"], wish["hratio"]) == Fraction(form.w, form.h) and form.w >= wish.get("wmin", 0)


def slow_fit(imp: dict[str, Any], wanted: list[tuple[dict[str, Any], bool]] | None, form: Format) -> int:
    if isinstance(form, BannerFormat) and "banner" in imp:
        banner = imp["banner"]
        own = {side: banner[side] for side in ("w", "h") if side in banner}
        wishes = [wish for wish in (*banner.get("format", []), own) if wish]
        return FITS if not wishes or any(slow_size(wish, form) for wish in wishes) else SIZE_MISMATCH
    if isinstance(form, NativeFormat) and wanted is not None:
        required = [wish for wish, needed in wanted if needed]
        return FITS if slow_answers(required, form.assets) else SIZE_MISMATCH
    return FORMAT_MISMATCH


@given(st.none() | banner_imps, st.none() | native_imps, creatives)
def test_fit_is_what_the_request_says(
    banner: dict[str, Any] | None, wanted: list[tuple[dict[str, Any], bool]] | None, formats: list[Format]
) -> None:
    imp: dict[str, Any] = {"id": "1"}
    if banner is not None:
        imp["banner"] = banner
    if wanted is not None:
        assets = [{"id": place, "required": int(required), **wish} for place, (wish, required) in enumerate(wanted)]
        imp["native"] = {"request": {"assets": assets}}
    spec = imp_spec(read_request(orjson.dumps({"id": "r", "imp": [imp]})), 0)
    signatures = [format_signature(form) for form in formats]
    codes = [slow_fit(imp, wanted, form) for form in formats]
    expected = FITS if FITS in codes else SIZE_MISMATCH if SIZE_MISMATCH in codes else FORMAT_MISMATCH
    assert fits(spec.shape, signatures) == expected
    assert chosen_format(spec, signatures) == (codes.index(FITS) if FITS in codes else None)


@pytest.mark.parametrize("limit", ["SIGNATURES_AT_ONCE_MAX", "FORMATS_AT_ONCE_MAX"])
@pytest.mark.parametrize("at_once", [0, 100])
@given(banner=banner_imps, ads=st.lists(creatives, min_size=1, max_size=5))
def test_a_table_of_verdicts_judges_all_ads_as_each_by_itself(
    limit: str, at_once: int, banner: dict[str, Any], ads: list[list[Format]]
) -> None:
    """Whether all at once or, of more kinds of formats than that, as they are come to."""
    spec = imp_spec(read_request(orjson.dumps({"id": "r", "imp": [{"id": "1", "banner": banner}]})), 0)
    values = [tuple(map(format_signature, formats)) for formats in ads]
    verdicts = {FITS: CANDIDATE, SIZE_MISMATCH: Reason.SIZE_MISMATCH, FORMAT_MISMATCH: Reason.FORMAT_MISMATCH}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"engine.format_table.{limit}", at_once)
        table = FormatTable(values)
        row = table.shown(spec.shape)
        table.judge(row, 0)
        all_at_once = at_once > 0 or (limit == "SIGNATURES_AT_ONCE_MAX" and not any(values))
        judged = [verdict != UNKNOWN for verdict in table.table[row].tolist()]
        assert judged == [all_at_once or place == 0 for place in range(len(values))]
        for code in range(len(values)):
            table.judge(row, code)
    assert table.table[row].tolist() == [verdicts[fits(spec.shape, own)] for own in values]


@given(st.lists(st.lists(st.integers(0, 4), unique=True, max_size=4), max_size=5))
def test_a_matching_answers_as_many_of_the_first_places_as_can_be(choices: list[list[int]]) -> None:
    found = matching(choices)
    taken = [one for one in found if one is not None]
    assert len(set(taken)) == len(taken)
    assert all(one is None or one in choices[place] for place, one in enumerate(found))
    answered: list[int] = []
    for place in range(len(choices)):
        tried = [*answered, place]
        if any(len({*some}) == len(some) for some in itertools.product(*(choices[one] for one in tried))):
            answered = tried
    assert [place for place, one in enumerate(found) if one is not None] == answered


def test_equal_wishes_are_answered_in_order() -> None:
    assert matching([[0, 1, 2]] * 3) == [0, 1, 2]
