"""The id of a request: the same for whoever decides, refuses or audits it, and found in what cannot be read, too."""

import pytest

from schemas.limits import ID_TOKENS_MAX, REQUEST_BYTES_MAX
from schemas.openrtb import read_request
from schemas.request_id import _TOKEN, readable_id


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b'{"id":"r-1","imp":[]}', "r-1"),
        (b'{"id":17,"imp"', "17"),
        (b'{"id":-17,"imp"', "-17"),
        (b'{"id":1.50,"imp"', "1.50"),
        (b'{"id":1180591620717411303424,"imp"', "1180591620717411303424"),
        (b'{"id":1-7,"imp"', None),
        (b'{"id":' + b"1" * 5_000 + b',"imp"', None),
        (b'{"id":1-7x"r-1","imp"', "r-1"),
        (b'{"imp":[{"id":"1"}],"id":"r-1"', "r-1"),
        (b'{"id":"a\\"b\\u00e9","imp', 'a"b\u00e9'),
        (b'{"x":"\xff","id":"r-1"}', "r-1"),
        (b'{"id" : "r-1" ]', "r-1"),
        (b'{"id":"r-1', None),
        (b'{"id":1', None),
        (b'{"id":null}', None),
        (b'{"id":true}', None),
        (b'{"id":""}', None),
        (b'{"id":{"id":"inner"}}', None),
        (b'{"user":{"id":"u"}}', None),
        (b'{"x":"id","y":"never ends,\\"id\\":\\"z\\"', None),
        (b'[{"id":"r-1"}]', None),
        (b'["id":"r-1"]', None),
        (b'{"id":"' + b"x" * 257 + b'"}', None),
        (b"", None),
        (b'{"id":"a","id":"b"}', "b"),
        (b'{"id":"a","id":"b","imp"', "a"),
        (b'{"id":null,"id":"q"}', "q"),
        (b'{"id":null,"id":"q","imp"', "q"),
        (b'{"id":"","id":"z"}', "z"),
        (b'{"id":"","id":"z","imp"', "z"),
        (b'{"id":"q","id":null}', None),
        (b'{"id":"q","id":{}}', None),
        (b'{"\\u0069d":"escaped"}', "escaped"),
        (b'{"\\u0069\\u0064":"escaped","imp"', "escaped"),
        (b'{"\\u0069d\\ud800":"odd","id":"r","imp"', "r"),
    ],
)
def test_the_request_id_is_found_in_what_cannot_be_read(value: bytes, found: str | None) -> None:
    assert readable_id(value) == found


@pytest.mark.parametrize("text", ["17", "-0", "1.50", "1e5", "1180591620717411303424", '"a"', '"\\u00e9"'])
def test_the_id_is_the_same_whether_the_request_can_be_read_or_not(text: str) -> None:
    value = f'{{"id":{text},"imp":[{{"id":"1"}}]}}'.encode()
    assert readable_id(value) == read_request(value).typed.id


def test_the_id_is_looked_for_among_so_many_tokens() -> None:
    """A key and its value are four tokens with colon and comma."""
    begin = b"{" + b'"a":1,' * (ID_TOKENS_MAX // 4 - 2)
    assert readable_id(begin + b'"id":"r","imp"') == "r"
    assert readable_id(begin + b'"a":1,' * 4 + b'"id":"r","imp"') is None


@pytest.mark.parametrize("number", [b"9", b"1.", b"-1", b"1e+"])
def test_a_number_that_is_not_complete_is_gone_through_once(number: bytes) -> None:
    """And not from each of its digits again: one as long as a request had stood a shard still for minutes."""
    assert [match.span() for match in _TOKEN.finditer(number * 9)] == [(0, len(number) * 9)]
    endless = number * (REQUEST_BYTES_MAX // len(number))
    assert readable_id(b'{"id":"r","x":' + endless) == "r"
    assert readable_id(b'{"id":' + endless) is None
