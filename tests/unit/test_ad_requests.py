"""Ad requests: lenient where traffic is, strict where money is, and always by the field's name."""

import decimal
from collections.abc import Callable
from typing import Any

import msgspec
import orjson
import pytest

from schemas.errors import SchemaError, TooLargeError, UnsupportedError
from schemas.limits import DECIMAL_EXPONENT_MAX, IMPS_MAX, JSON_DEPTH_MAX, REQUEST_BYTES_MAX, REQUEST_LIST_MAX
from schemas.openrtb import BidRequest, Imp, position, read_request
from schemas.request_id import readable_id


def request(*imps: dict[str, Any], **fields: Any) -> bytes:
    return orjson.dumps({"id": "r-1", "imp": list(imps) or [{"id": "1"}], **fields})


def typed(*imps: dict[str, Any], **fields: Any) -> BidRequest:
    return read_request(request(*imps, **fields)).typed


def imp(**fields: Any) -> Imp:
    return typed({"id": "1", **fields}).imp[0]


def refusal(value: bytes) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        read_request(value)
    return caught.value


def test_a_list_longer_than_conditions_look_at_is_refused_by_its_path() -> None:
    longest = list(range(REQUEST_LIST_MAX))
    for ext in (
        {"x": longest},
        {"x": [{"y": longest}, {"y": longest}]},
        {"x": {str(one): 1 for one in [*longest, "z"]}},
    ):
        assert read_request(request(ext=ext)).fields["ext"] == ext
    found = refusal(request(user={"ext": {"x": [1, {"y": [*longest, 0]}]}}))
    assert (found.field, found.fix) == ("user.ext.x[1].y", f"at most {REQUEST_LIST_MAX} are read (REQUEST_LIST_MAX)")


def test_numbers_stand_for_texts_and_texts_for_numbers() -> None:
    read = typed(
        {"id": 1, "tagid": 17, "secure": "1", "banner": {"w": "300", "h": 250.0}}, bcat=[25, "IAB7"], test=True
    )
    assert (read.imp[0].id, read.imp[0].tagid, read.imp[0].secure) == ("1", "17", 1)
    assert read.imp[0].banner is not None
    assert (read.imp[0].banner.w, read.imp[0].banner.h) == (300, 250)
    assert (read.bcat, read.test) == (("25", "IAB7"), 1)


def test_null_is_absent_everywhere() -> None:
    nulls = {"user": None, "device": {"language": None}, "bcat": None, "badv": ["a.example", None], "ext": None}
    read = typed({"id": "1", "banner": None, "bidfloor": None, "ext": {"adjudge": None}}, **nulls)
    assert read == typed({"id": "1"}, badv=["a.example"])


def test_fields_that_no_decision_reads_may_be_anything_and_stay_for_targeting() -> None:
    read = read_request(request(app={"ver": {"odd": [1]}}, device={"geo": "here"}, regs=7))
    assert read.fields["app"] == {"ver": {"odd": [1]}}
    assert read.fields["regs"] == 7


@pytest.mark.parametrize("odd", ["x", {"on": 1}, [["x"]], 3_000_000_000, -0.5, True])
def test_a_field_that_decides_nothing_refuses_no_request(odd: object) -> None:
    slot: dict[str, Any] = {"id": "1", "bidfloor": 1, "banner": {"w": 300, "h": 250}}
    fields = {"device": {"ifa": "d"}, "user": {"id": "u"}, "ext": {"adjudge": {"session_id": "s"}}}
    of_imp = dict.fromkeys(("instl", "exp", "rwdd", "clickbrowser"), odd)
    banner = {**slot["banner"], **dict.fromkeys(("pos", "btype", "mimes"), odd)}
    read = read_request(
        request(
            {**slot, **of_imp, "banner": banner},
            device={"ifa": "d", "language": odd},
            user={"id": "u", "buyeruid": odd},
            ext={"adjudge": {"session_id": "s", "session_ads": odd}},
            bapp=odd,
            tmax=odd,
        )
    )
    assert msgspec.structs.replace(read.typed, tmax=None) == typed(slot, **fields)
    assert (read.fields["bapp"], read.fields["imp"]) == (odd, [{**slot, **of_imp, "banner": banner}])


@pytest.mark.parametrize("empty", [[], "", 0, False])
def test_an_empty_ext_counts_as_absent(empty: object) -> None:
    assert typed({"id": "1", "ext": empty}, ext=empty) == typed({"id": "1"})


@pytest.mark.parametrize("held", ["x", 7, [{"adjudge": {"position": 3}}], '{"adjudge":{"last_ad_position":0}}'])
def test_an_ext_that_holds_something_is_an_object(held: object) -> None:
    """What stands in it may decide: passed over, a position or the last ad's would be lost."""
    assert refusal(request(ext=held)).field == "ext"
    assert refusal(request({"id": "1", "ext": held})).field == "imp[0].ext"


@pytest.mark.parametrize("odd", ["true", "yes", "", True, 2.5, 2**40, -1, [1], {"on": 1}, None])
def test_a_signal_of_privacy_of_whatever_shape_is_left_to_privacy_to_judge(odd: object) -> None:
    for name in ("lmt", "dnt"):
        assert read_request(request(device={name: odd})).fields["device"] == {name: odd}


@pytest.mark.parametrize(
    ("text", "floor"),
    [
        ("0.1", "0.1"),
        ("0.12345678901234567890123456789012345", "0.12345678901234567890123456789012345"),
        ('"2.50"', "2.50"),
        ("1e-7", "1E-7"),
        ("9000000000", "9000000000"),
    ],
)
@pytest.mark.parametrize("messy", ["[]", "[7]"])  # the second is read by way of schemas/repair.py
def test_a_floor_is_exactly_what_was_written(text: str, floor: str, messy: str) -> None:
    value = f'{{"id":"r","bcat":{messy},"imp":[{{"id":"1","bidfloor":{text}}}]}}'
    assert str(read_request(value.encode()).typed.imp[0].bidfloor) == floor


@pytest.mark.parametrize(
    "text", ["-0.01", "9000000000.000001", '"NaN"', '"sNaN"', '"Infinity"', '""', '"free"', "true", "{}"]
)
@pytest.mark.parametrize("messy", ["[]", "[7]"])
def test_what_is_no_floor_is_refused_by_its_name(text: str, messy: str) -> None:
    floor = f'{{"id":"r","bcat":{messy},"imp":[{{"id":"1"}},{{"id":"2","bidfloor":{text}}}]}}'
    assert refusal(floor.encode()).field == "imp[1].bidfloor"
    deal = f'{{"id":"r","bcat":{messy},"imp":[{{"id":"1","pmp":{{"deals":[{{"id":"d","bidfloor":{text}}}]}}}}]}}'
    assert refusal(deal.encode()).field == "imp[0].pmp.deals[0].bidfloor"


@pytest.mark.parametrize(
    "text",
    ["0_5", "\u0660.\u0665", "+0.5", ".5", "5.", "00.5", " 0.5", "0.5 ", "0x1", "1e", "NaN", "sNaN", "Infinity", ""],
)
@pytest.mark.parametrize("messy", ["[]", "[7]"])
@pytest.mark.parametrize(
    ("imp", "field"),
    [
        ('"bidfloor":%s', "bidfloor"),
        ('"pmp":{"deals":[{"id":"c","bidfloor":"1"},{"id":"d","bidfloor":%s}]}', "pmp.deals[1].bidfloor"),
        ('"qty":{"multiplier":%s}', "qty.multiplier"),
    ],
)
def test_a_decimal_in_a_text_is_written_as_json_writes_numbers(text: str, messy: str, imp: str, field: str) -> None:
    spelt = imp % orjson.dumps(text).decode()
    error = refusal(f'{{"id":"r","bcat":{messy},"imp":[{{"id":"0"}},{{"id":"1",{spelt}}}]}}'.encode())
    assert not isinstance(error, UnsupportedError)
    assert (error.field, error.fix) == (f"imp[1].{field}", "a number such as 0.5, or a text that holds one")


@pytest.mark.parametrize(
    ("field", "limit", "imp"),
    [
        ("banner.format", 100, lambda count: {"banner": {"format": [{"w": 300, "h": 250}] * count}}),
        ("banner.battr", 100, lambda count: {"banner": {"w": 300, "h": 250, "battr": [1] * count}}),
        ("video.mimes", 100, lambda count: {"video": {"mimes": ["video/mp4"] * count}}),
        ("native.request.assets", 100, lambda count: {"native": {"request": {"assets": [{"id": 1}] * count}}}),
        ("native.api", 100, lambda count: {"native": {"request": {}, "api": ["5"] * count}}),
        ("pmp.deals", 1_000, lambda count: {"pmp": {"deals": [{"id": "d"}] * count}}),
        ("pmp.deals[0].wadomain", 1_000, lambda count: {"pmp": {"deals": [{"id": "d", "wadomain": ["a"] * count}]}}),
    ],
)
@pytest.mark.parametrize("messy", [{}, {"bcat": [7]}])  # the second is read by way of schemas/repair.py
def test_a_list_of_an_imp_has_an_end(
    field: str, limit: int, imp: Callable[[int], dict[str, Any]], messy: dict[str, Any]
) -> None:
    """Ten thousand sizes held up a shard for 0.3 s."""
    assert read_request(request({"id": "1", **imp(limit)}, **messy)).typed.id == "r-1"
    error = refusal(request({"id": "1", **imp(limit + 1)}, **messy))
    assert error.field == f"imp[0].{field}"
    assert str(limit) in error.problem


@pytest.mark.parametrize(
    "text", ["0." + "1" * 63, "0." + "1" * 250_000, '"0.' + "1" * 250_000 + '"', "1." + "0" * 250_000, "0e1000000"]
)
@pytest.mark.parametrize(
    ("imp", "field"),
    [
        ('"bidfloor":@', "imp[0].bidfloor"),
        ('"pmp":{"deals":[{"id":"d","bidfloor":@}]}', "imp[0].pmp.deals[0].bidfloor"),
        ('"qty":{"multiplier":@}', "imp[0].qty.multiplier"),
    ],
)
def test_a_number_too_long_for_exact_arithmetic_is_refused_by_its_name(imp: str, field: str, text: str) -> None:
    """Turning the second one into nanos held up a shard for 1.7 s."""
    error = refusal(f'{{"id":"r","imp":[{{"id":"1",{imp.replace("@", text)}}}]}}'.encode())
    assert (error.field, error.problem) == (field, "is too long a number")
    assert "64" in error.fix
    assert "999999" in error.fix
    assert len(str(error)) < 200


@pytest.mark.parametrize("place", ['"imp":[{"id":"1","bidfloor":@}]', '"imp":[{"id":"1"}],"cur":[@]', '"id":@'])
def test_a_power_of_ten_that_is_no_decimals_is_refused_with_the_limit(place: str) -> None:
    error = refusal(f'{{"id":"r",{place.replace("@", "1e-99999999999999999999")}}}'.encode())
    assert str(DECIMAL_EXPONENT_MAX) in error.problem


NATIVE_COUNT = "imp[0].native.request.plcmtcnt"


@pytest.mark.parametrize(
    ("value", "field", "problem"),
    [
        (b"", "", "the message is not readable JSON"),
        (b"[]", "", "must be an object, not a list"),
        (b'{"imp":[{"id":"1"}]}', "id", "is required and missing"),
        (b'{"id":null,"imp":[{"id":"1"}]}', "id", "is required and missing"),
        (b'{"id":"","imp":[{"id":"1"}]}', "id", "length >= 1"),
        (b'{"id":"r"}', "imp", "is required and missing"),
        (b'{"id":"r","imp":[]}', "imp", "length >= 1"),
        (b'{"id":"r","imp":[{}]}', "imp[0].id", "is required and missing"),
        (b'{"id":"r","imp":[{"id":"1"},{"id":1}]}', "imp[1].id", "'1' is that of imp[0] too"),
        (b'{"id":"r","imp":[{"id":"1","banner":{"w":"wide"}}]}', "imp[0].banner.w", "must be an integer, not a text"),
        (b'{"id":"r","imp":[{"id":"1","banner":{"w":2.5}}]}', "imp[0].banner.w", "must be an integer"),
        (b'{"id":"r","imp":[{"id":"1","banner":{"w":1e300}}]}', "imp[0].banner.w", "must be an integer"),
        (b'{"id":"r","imp":[{"id":"1","banner":{"w":3000000000}}]}', "imp[0].banner.w", "<= 2147483647"),
        (b'{"id":"r","imp":[{"id":"1","native":{"request":"{\\"plcmtcnt\\":1e999999999}"}}]}', NATIVE_COUNT, ""),
        (b'{"id":"r","bcat":"IAB25,IAB26","imp":[{"id":"1"}]}', "bcat", "must be a list, not a text"),
        (b'{"id":"r","imp":[{"id":"1"}],"ext":{"adjudge":[]}}', "ext.adjudge", "must be an object, not a list"),
        (b'{"id":"r","imp":[{"id":"1","ext":{"adjudge":{"position":-1}}}]}', "imp[0].ext.adjudge.position", ">= 0"),
    ],
)
def test_a_broken_request_names_the_field_and_what_is_wrong(value: bytes, field: str, problem: str) -> None:
    error = refusal(value)
    assert error.field == field
    assert problem in error.problem


def test_positions_are_given_or_the_index_and_increase() -> None:
    third = {"id": "3", "ext": {"adjudge": {"position": "7"}}}
    read = typed({"id": "1"}, {"id": "2"}, third)
    assert [position(slot, index) for index, slot in enumerate(read.imp)] == [0, 1, 7]
    assert refusal(request({**third, "id": "0"}, {"id": "1"})).field == "imp[1].ext.adjudge.position"
    assert refusal(request({**third, "id": "0"}, third)).field == "imp[1].ext.adjudge.position"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"qty": {"multiplier": 2}}, "qty"),
        ({"qty": {"multiplier": "1.5"}}, "qty"),
        ({"video": {"podid": "p"}}, "video.podid"),
        ({"video": {"podid": 7}}, "video.podid"),
        ({"video": {"poddur": 60}}, "video.poddur"),
        ({"video": {"maxseq": 2}}, "video.maxseq"),
        ({"audio": {"podid": "p"}}, "audio.podid"),
        ({"audio": {"poddur": 60}}, "audio.poddur"),
        ({"native": {"request": {"plcmtcnt": 2}}}, "native.request.plcmtcnt"),
    ],
)
def test_what_asks_for_more_than_one_ad_in_a_slot_is_refused_by_its_name(fields: dict[str, Any], name: str) -> None:
    error = refusal(request({"id": "1", **fields}))
    assert isinstance(error, UnsupportedError)
    assert error.field == f"imp[0].{name}"


def test_one_of_what_could_be_many_is_accepted() -> None:
    imp(qty={"multiplier": 1.0}, video={"podseq": 0, "rqddurs": [15, 30]}, native={"request": {"plcmtcnt": 1}})
    imp(native={"request": {"plcmtcnt": 0}})


NATIVE = {"ver": "1.2", "assets": [{"id": 1, "required": 1, "title": {"len": 90}}]}


@pytest.mark.parametrize(
    "sent",
    [
        NATIVE,
        orjson.dumps(NATIVE).decode(),
        {"native": NATIVE},
        orjson.dumps({"native": NATIVE}).decode(),
        {"native": None, **NATIVE},
        {"ver": 1.2, "assets": [{"id": "1", "required": True, "title": {"len": 90.0}, "img": None}]},
    ],
)
def test_a_native_request_is_an_object_or_the_text_of_one(sent: object) -> None:
    read = read_request(request({"id": "0"}, {"id": "1", "native": {"request": sent}}))
    assert read.natives[0] is None
    assert read.natives[1] is not None
    assert read.natives[1].ver == "1.2"
    [asset] = read.natives[1].assets
    assert (asset.id, asset.required) == (1, 1)
    assert asset.title is not None
    assert asset.title.len == 90


@pytest.mark.parametrize("as_sent", [dict, lambda native: orjson.dumps(native).decode(), lambda one: {"native": one}])
def test_a_native_request_without_a_version_has_that_of_its_imp(as_sent: Callable[[Any], Any]) -> None:
    silent, telling = as_sent({"assets": [], "ver": None}), as_sent({"assets": [], "ver": "1.2"})
    sent = [(silent, "1.0"), (silent, 1.1), (silent, None), (silent, ""), (telling, "1.1")]
    imps = [{"id": str(number), "native": {"request": one, "ver": ver}} for number, (one, ver) in enumerate(sent)]
    natives = read_request(request(*imps)).natives
    assert [native and native.ver for native in natives] == ["1.0", "1.1", "1.2", "1.2", "1.2"]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ("{", "imp[0].native.request"),
        ("[]", "imp[0].native.request"),
        (None, "imp[0].native.request"),
        ('{"assets":[{"required":1}]}', "imp[0].native.request.assets[0].id"),
        ({"assets": [{"id": 1, "title": {"len": "long"}}]}, "imp[0].native.request.assets[0].title.len"),
    ],
)
def test_a_broken_native_request_names_the_field_inside_it(sent: object, field: str) -> None:
    assert refusal(request({"id": "1", "native": {"request": sent}})).field == field


def test_sizes_are_bounded() -> None:
    padding = "x" * (REQUEST_BYTES_MAX - len(request(pad="")))
    read_request(request(pad=padding))
    assert isinstance(refusal(request(pad=padding + "x")), TooLargeError)
    assert refusal(request(*({"id": str(number)} for number in range(IMPS_MAX + 1)))).field == "imp"


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def deep_in_the_stack(read: Callable[[bytes], Any], value: bytes, frames: int) -> Any:
    return deep_in_the_stack(read, value, frames - 1) if frames else read(value)


@pytest.mark.parametrize("frames", [0, 300])
@pytest.mark.parametrize("levels", [JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1, 800, 5_000])
def test_how_deep_a_request_may_be_nested_does_not_depend_on_who_reads_it(levels: int, frames: int) -> None:
    value = b'{"id":"r","id":"s","x":"[[","imp":[{"id":"1"}],"y":' + nested(levels - 1) + b"}"
    good = levels <= JSON_DEPTH_MAX
    assert deep_in_the_stack(readable_id, value, frames) == ("s" if good else "r")
    if good:
        assert deep_in_the_stack(read_request, value, frames).typed.id == "s"
    else:
        assert "nested too deeply" in deep_in_the_stack(refusal, value, frames).problem


def test_a_native_request_in_a_text_is_nested_no_deeper() -> None:
    for levels, good in ((JSON_DEPTH_MAX - 1, True), (JSON_DEPTH_MAX, False)):
        value = request({"id": "1", "native": {"request": '{"assets":[],"x":' + nested(levels).decode() + "}"}})
        if good:
            read_request(value)
        else:
            assert refusal(value).field == "imp[0].native.request"


def test_floors_default_to_nothing() -> None:
    assert (imp().bidfloor, imp().bidfloorcur) == (decimal.Decimal(0), None)
