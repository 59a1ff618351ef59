"""Headers and bytes of messages."""

import pytest

from schemas.errors import SchemaError
from schemas.events import ResultAdjudge
from schemas.openrtb_response import BidResponse, ResultExt
from schemas.wire import MESSAGES, Message, decode_message, encode, schema_header


def result(why: dict[str, int]) -> BidResponse:
    facts = ResultAdjudge(
        decision_id="e-0-1",
        request_id="r",
        event_time_ms=0,
        engine_version="0.1.0",
        policy="default",
        policy_version=0,
        catalog_offset=0,
        controls_offset=0,
        privacy_basis="ok",
        why=why,
    )
    return BidResponse(id="r", bidid="e-0-1", nbr=505, ext=ResultExt(adjudge=facts))


def test_equal_messages_are_equal_bytes_whatever_the_order_of_their_mappings() -> None:
    assert encode(result({"outbid": 1, "targeting": 2})) == encode(result({"targeting": 2, "outbid": 1}))


def test_what_is_absent_in_a_result_is_left_out() -> None:
    written = encode(result({}))
    assert b"seatbid" not in written
    assert b"null" in written  # in ext.adjudge, whose fields are all there from the first version
    assert decode_message("result", written) == result({})


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_each_message_is_named_with_its_version_in_a_header(message: Message) -> None:
    assert schema_header(message.name) == ("adjudge-schema", f"{message.name};{message.version}".encode())


def test_bytes_that_are_no_text_are_refused_in_words() -> None:
    with pytest.raises(SchemaError, match="the message is not UTF-8 text"):
        decode_message("engagement", b'{"id":"\xff","type":"viewed","token":"t"}')
