"""What an explanation says where the decision itself ran no auction."""

import orjson
import pytest

from engine import decide
from engine.answering import Answering, Arrived
from engine.effects import REQUESTS, Input
from engine.explain import Explanation, explain_line_item, explain_record
from engine.limits import MACROS_CHARS_MAX
from engine.partitioning import partition_of
from engine.window import Window
from schemas.codes import Nbr
from schemas.limits import REQUEST_BYTES_MAX
from tests.builders import NOW_MS, Stage, banner_imp, creative, one_ad, place, request

HERE = next(b"u%d" % number for number in range(99) if partition_of(b"u%d" % number, 2) == 0)
ELSEWHERE = next(b"u%d" % number for number in range(99) if partition_of(b"u%d" % number, 2) == 1)
GOOD = orjson.dumps({"id": "r1", "imp": [banner_imp()]})


def test_a_request_that_takes_other_currencies_only_is_explained_as_not_decided() -> None:
    explained = explain_line_item(request(cur=["JPY"]), Stage(*one_ad()).world(), place(), "l1")
    assert explained == Explanation(ads={}, not_decided="currency")


def test_an_ad_that_wins_is_explained_as_won() -> None:
    explained = explain_line_item(request(cur=["USD"]), Stage(*one_ad()).world(), place(), "l1")
    assert explained == Explanation(ads={"ad1": "won"})


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        (HERE, GOOD, None),
        (ELSEWHERE, GOOD, "misplaced"),
        (HERE, GOOD.ljust(REQUEST_BYTES_MAX - len(HERE)), None),
        (HERE, GOOD.ljust(REQUEST_BYTES_MAX - len(HERE) + 1), "too_large"),
        (HERE, b'{"id":"r1"', "unreadable"),
        (HERE, None, "unreadable"),
    ],
)
def test_a_record_is_explained_as_the_engine_answers_it(key: bytes, value: bytes | None, refusal: str | None) -> None:
    """One that is refused must not be told as one that was won."""
    stage = Stage(*one_ad())
    stage.control({"kind": "limits", "name": "default", "misplaced": "refuse"})
    given = Input(topic=REQUESTS, offset=0, timestamp_ms=NOW_MS, key=key, value=value)
    explained = explain_record(given, stage.world(), place(), "l1", partitions=2)
    assert explained == Explanation(ads={} if refusal else {"ad1": "won"}, not_decided=refusal)
    answering = Answering(Arrived(given=given, place=place(), world=stage.world(), partitions=2, decider=decide))
    answering.read()
    answering.auction()
    nbr = answering.answer(Window()).nbr
    assert refusal == (None if nbr is None else Nbr(nbr).label)


def test_a_record_elsewhere_is_explained_as_decided_where_that_is_accepted() -> None:
    given = Input(topic=REQUESTS, offset=0, timestamp_ms=NOW_MS, key=ELSEWHERE, value=GOOD)
    assert explain_record(given, Stage(*one_ad()).world(), place(), "l1", partitions=2).ads == {"ad1": "won"}


def test_a_request_whose_result_no_topic_would_take_is_not_told_as_won() -> None:
    formats = [{"type": "banner", "w": 300, "h": 250, "markup": "${AUCTION_ID}" * 200}]
    stage = Stage(*one_ad()[:-1], creative(formats=formats))
    long = orjson.dumps({"id": "\N{GRINNING FACE}" * (MACROS_CHARS_MAX // 200 // 12 + 1), "imp": [banner_imp()]})
    given = Input(topic=REQUESTS, offset=0, timestamp_ms=NOW_MS, key=HERE, value=long)
    explained = explain_record(given, stage.world(), place(), "l1", partitions=2)
    assert explained == Explanation(ads={}, not_decided="too_large")
