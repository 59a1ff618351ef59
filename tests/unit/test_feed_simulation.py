import collections

import orjson

from schemas.errors import SchemaError
from schemas.openrtb import read_request
from schemas.request_id import readable_id
from scripts.feed_simulation import Sent, traffic
from scripts.feed_users import DSA_REQUIRED
from scripts.seeded_random import SeededRandom, zipf

REQUESTS = 3_000


def decoded() -> list[dict[str, object]]:
    """The requests of a run that are JSON objects."""
    found = []
    for sent in traffic(3, REQUESTS):
        try:
            value = orjson.loads(sent.value)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return found


def test_traffic_is_a_function_of_its_seed() -> None:
    assert list(traffic(3, 200)) == list(traffic(3, 200))
    assert list(traffic(3, 200)) != list(traffic(4, 200))


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    assert list(traffic(3, 400))[:200] == list(traffic(3, 300))[:200]


def test_exactly_as_many_records_as_asked_for_have_a_readable_id() -> None:
    sent = list(traffic(3, REQUESTS))
    assert sum(each.counted for each in sent) == REQUESTS
    assert len(sent) > REQUESTS
    assert [each for each in sent if (readable_id(each.value) is not None) is not each.counted] == []


def test_some_requests_are_refused_though_their_id_can_be_read() -> None:
    def refused(sent: Sent) -> bool:
        try:
            read_request(sent.value)
        except SchemaError:
            return sent.counted
        return False

    assert 0.005 < sum(map(refused, traffic(3, REQUESTS))) / REQUESTS < 0.05


def test_slots_come_in_feed_order_and_sessions_go_on() -> None:
    pages = collections.Counter[object]()
    for request in decoded():
        feed = request["ext"]["adjudge"]  # type: ignore[index]  # the simulation's own shape
        pages[feed["page"]] += 1
        if isinstance(request["imp"], list):
            positions = [slot["ext"]["adjudge"]["position"] for slot in request["imp"]]
            assert positions == sorted(set(positions))
    assert pages[1] > pages[5] > 0


def test_people_who_opted_out_are_among_the_traffic() -> None:
    requests = decoded()
    assert any(request["device"].get("lmt") == 1 for request in requests)  # type: ignore[attr-defined]  # a device
    regs = [request["regs"] for request in requests if "regs" in request]
    assert {"coppa": 1} in regs
    assert {"us_privacy": "1YYN"} in regs
    assert {"ext": {"gdpr": 1, "dsa": DSA_REQUIRED}} in regs
    assert any("user" not in request for request in requests)


def test_few_people_ask_often() -> None:
    keys = collections.Counter(sent.key for sent in traffic(3, REQUESTS))
    assert keys.most_common(1)[0][1] > 10 * REQUESTS / 4_000
    assert len(keys) > 500


def test_draws_are_what_their_names_say() -> None:
    chance = SeededRandom(1)
    assert {chance.between(2, 4) for _ in range(200)} == {2, 3, 4}
    assert chance.some([1, 2, 3], 5) == [1, 2, 3]
    assert sorted(chance.shuffled(range(50))) == list(range(50))
    ranks = zipf(100, 1.0)
    drawn = collections.Counter(ranks.draw(chance) for _ in range(5_000))
    assert drawn[0] > drawn[9] > drawn[80]
