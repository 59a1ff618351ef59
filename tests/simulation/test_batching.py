"""Batching never shows (D5): however inputs are cut into batches, what is written and what is known is the same."""

import functools
import itertools
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

import engine.state
from engine.effects import Effects, Input
from engine.shard import Shard
from engine.window import Window
from schemas.wire import Headers
from tests.simulation.model import new_straight
from tests.simulation.small_world import DEFECT, DUMB, ELSEWHERE, HERE, asks, refused, tick, world

TIMES = st.integers(0, 50)
HEADERS: st.SearchStrategy[Headers] = st.sampled_from([(), (("adjudge-reply", b"t:1"),), (("adjudge-reply", b"?"),)])


def good(request_id: str, time: int, key: bytes, headers: Headers) -> Input:
    return asks(0, request_id, at_ms=time, key=key, headers=headers)


def bad(value: bytes | None, time: int) -> Input:
    return asks(0, value=value, at_ms=time)


REQUESTS = st.one_of(
    st.builds(
        good,
        st.sampled_from(["a", "b", "c", "d", "e", DEFECT, DUMB]),
        TIMES,
        st.sampled_from([HERE[0], ELSEWHERE[0]]),
        HEADERS,
    ),
    st.builds(bad, st.sampled_from([None, b"?", b'{"id":"a"}']), TIMES),
)
INPUTS = st.lists(
    st.tuples(st.one_of(REQUESTS, REQUESTS, REQUESTS, st.builds(tick, TIMES), st.just(refused(0))), st.integers(1, 3)),
    max_size=25,
)


def placed(drawn: list[tuple[Input, int]]) -> list[Input]:
    """The inputs with growing offsets for each topic, some apart."""
    ends: dict[str, int] = {}
    inputs = []
    for one, apart in drawn:
        offset = -1 if one.topic == "tick" else ends.get(one.topic, -1) + apart
        ends[one.topic] = offset
        inputs.append(
            Input(
                topic=one.topic,
                offset=offset,
                timestamp_ms=one.timestamp_ms,
                key=one.key,
                value=one.value,
                headers=one.headers,
            )
        )
    return inputs


def run(batches: list[list[Input]]) -> tuple[Shard, list[Effects]]:
    shard = new_straight()
    return shard, [shard.handle(batch, world(7, 3, misplaced="accept")) for batch in batches]


@given(drawn=INPUTS, cuts=st.sets(st.integers(0, 25)))
def test_any_batches_lead_to_the_same_bytes_digest_and_state(drawn: list[tuple[Input, int]], cuts: set[int]) -> None:
    inputs = placed(drawn)
    places = [0, *sorted(cut for cut in cuts if cut < len(inputs)), len(inputs)]
    cut = [inputs[start:end] for start, end in itertools.pairwise(places)]
    with mock.patch.object(engine.state, "Window", functools.partial(Window, size=3)):
        (whole, [effects]), (pieces, many) = run([inputs]), run(cut)
    assert [record for one in many for record in one.records] == list(effects.records)
    assert [reply for one in many for reply in one.replies] == list(effects.replies)
    assert pieces.digest == whole.digest
    assert pieces._state.whole(pieces.log) == whole._state.whole(whole.log)
    assert (pieces.position, pieces.clock_ms) == (whole.position, whole.clock_ms)


@given(drawn=st.lists(st.tuples(REQUESTS, st.integers(1, 3)), min_size=1, max_size=8), place=st.integers(0, 7))
def test_the_digest_tells_any_other_sequence_apart(drawn: list[tuple[Input, int]], place: int) -> None:
    """A request less, or at another time, is another digest."""
    inputs = placed(drawn)
    place %= len(inputs)
    one = inputs[place]
    later = Input(topic=one.topic, offset=one.offset, timestamp_ms=one.timestamp_ms + 1, key=one.key, value=one.value)
    digests = {run([some])[0].digest for some in (inputs, inputs[:place] + inputs[place + 1 :])}
    digests.add(run([[*inputs[:place], later, *inputs[place + 1 :]]])[0].digest)
    assert len(digests) == 3
