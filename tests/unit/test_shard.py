"""A shard as its owner sees it: what it answers, writes off, counts and journals."""

import hashlib
import json

import msgspec
import pytest

import engine.answering
import engine.shard
from engine.audit_facts import request_fact
from engine.effects import CAMPAIGN_UPDATES, CONTROLS, DEAD_LETTERS, RESULTS, Effects, Input, Record
from engine.limits import CHECKPOINT_AGE_MS_MAX, CHECKPOINT_ENTRIES, DEAD_LETTER_BYTES_MAX, KEYWORDS_MAX
from engine.partitioning import partition_of
from engine.shard import Shard
from schemas.codes import Nbr
from schemas.events import Problem
from schemas.journal import CheckpointPlace, Entry, Tick
from schemas.limits import REQUEST_BYTES_MAX
from tests.simulation.small_shard import entry_of, new_shard, results_of, written
from tests.simulation.small_world import (
    DEFECT,
    DUMB,
    ELSEWHERE,
    HERE,
    PARTITIONS,
    TripError,
    asks,
    refused,
    request,
    tick,
    world,
)


@pytest.fixture
def shard() -> Shard:
    return new_shard()


def remembered_in(effects: Effects) -> str:
    """As it is written, not as it is read."""
    assert effects.entry is not None
    text: str = json.loads(effects.entry.value or b"")["delta"]["remembered"]
    return text


def runs_of(effects: Effects) -> list[tuple[str, int, int]]:
    return [(run.topic, run.from_, run.to) for run in entry_of(effects).runs]


def headers_of(record: Record) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


class TestAnswers:
    def test_each_request_gets_one_result_in_order_and_what_it_led_to(self, shard: Shard) -> None:
        effects = shard.handle([asks(0, "a"), asks(1, "b")], world(7, 3))
        assert [record.topic for record in effects.records] == ["results", "impressions", "costs", "results"]
        assert [result.id for result in results_of(effects)] == ["a", "b"]
        assert [record.headers for record in effects.records] == [
            (("adjudge-schema", name),) for name in (b"result;1", b"impression;1", b"cost;1", b"result;1")
        ]
        assert effects.decision_ids == ("e1-0-0", "e1-0-1")
        assert effects.stats == {"requests": 2, "nbr_nothing_eligible": 1, "why_outbid": 4}
        assert (shard.position, shard.sequence) == (2, 1)

    def test_the_clock_is_the_greatest_timestamp_so_far(self, shard: Shard) -> None:
        effects = shard.handle(
            [asks(0, "a", at_ms=500), asks(1, "b", at_ms=200), tick(900), asks(2, "c", at_ms=1)], world()
        )
        assert [result.ext.adjudge.event_time_ms for result in results_of(effects)] == [500, 500, 900]
        assert shard.clock_ms == entry_of(effects).clock_ms == 900

    def test_a_request_that_was_decided_before_is_passed_over(self, shard: Shard) -> None:
        first = shard.handle([asks(0, "a"), asks(1, "b")], world())
        again = shard.handle([asks(0, "a"), asks(1, "b")], world())
        assert len(first.records) == 4
        assert (again.records, again.entry, again.sequence) == ((), None, 0)
        assert again.stats == {"passed_over": 2}
        assert (shard.position, shard.sequence) == (2, 1)

    def test_offsets_may_have_gaps_where_markers_and_aborted_records_stand(self, shard: Shard) -> None:
        effects = shard.handle([asks(3, "a"), asks(9, "b")], world())
        assert len(results_of(effects)) == 2
        assert runs_of(effects) == [("requests", 0, 10)]
        assert runs_of(shard.handle([asks(12, "c")], world())) == [("requests", 10, 13)]

    def test_a_repeated_request_id_is_told_to_the_decider_and_counted(self, shard: Shard) -> None:
        effects = shard.handle([asks(0, "a"), asks(1, "b"), asks(2, "a")], world())
        assert [result.ext.adjudge.duplicate for result in results_of(effects)] == [False, False, True]
        assert effects.stats["repeated"] == 1
        shard.handle([asks(3, "b")], world())
        assert shard.counts["repeated"] == 2


LONG = ",".join(f"k{number}" for number in range(KEYWORDS_MAX + 1))


class TestFaults:
    @pytest.mark.parametrize(
        ("value", "reason", "nbr", "field"),
        [
            (request("r", imp=[{"id": "1", "bidfloor": "much"}]), "unreadable", Nbr.UNREADABLE, "imp[0].bidfloor"),
            (b'{"id":"r","imp":[', "unreadable", Nbr.UNREADABLE, None),
            (
                request("r", imp=[{"id": "1", "qty": {"multiplier": 3}}]),
                "unsupported",
                Nbr.UNSUPPORTED_FIELD,
                "imp[0].qty",
            ),
            (request("r", site={"name": "x" * REQUEST_BYTES_MAX}), "too_large", Nbr.TOO_LARGE, None),
            (request("r", site={"keywords": LONG}), "unreadable", Nbr.UNREADABLE, "adjudge.keywords"),
        ],
    )
    def test_an_unreadable_request_is_answered_and_written_off(
        self, shard: Shard, value: bytes, reason: str, nbr: Nbr, field: str | None
    ) -> None:
        effects = shard.handle([asks(0, value=value, at_ms=77)], world())
        assert [(result.id, result.nbr) for result in results_of(effects)] == [("r", nbr)]
        [letter] = written(effects, DEAD_LETTERS)
        assert (letter.key, letter.value) == (HERE[0], value)
        said = headers_of(letter)
        [told] = [result.ext.adjudge.problem for result in results_of(effects)]
        assert told == Problem(field=field or "", problem=said["adjudge-problem"])
        assert said.pop("adjudge-problem")
        assert said.pop("adjudge-field", None) == field
        assert said == {
            "adjudge-schema": "bid_request;1",
            "adjudge-reason": reason,
            "adjudge-topic": "requests",
            "adjudge-partition": "0",
            "adjudge-offset": "0",
            "adjudge-timestamp-ms": "77",
        }
        assert shard.position == 1

    @pytest.mark.parametrize(
        ("said", "test"), [(1, True), ("1", True), (0, False), (2, False), (None, False), ([], False)]
    )
    def test_a_refused_request_that_is_a_test_is_marked(self, shard: Shard, said: object, *, test: bool) -> None:
        refused = request("r", test=said, imp=[{"id": "1", "qty": {"multiplier": 3}}])
        cut = refused[:-1]
        results = results_of(shard.handle([asks(0, value=refused), asks(1, value=cut)], world()))
        assert [(result.nbr, result.ext.adjudge.test) for result in results] == [
            (Nbr.UNREADABLE if said == [] else Nbr.UNSUPPORTED_FIELD, test),
            (Nbr.UNREADABLE, False),
        ]

    @pytest.mark.parametrize(
        ("fields", "found"),
        [
            (b'"id":"a","id":"b"', "b"),
            (b'"\\u0069d":"escaped"', "escaped"),
            (b'"id":null,"id":"q"', "q"),
            (b'"id":"","id":"z"', "z"),
        ],
    )
    def test_decided_or_refused_a_request_has_the_id_that_an_audit_reads(
        self, shard: Shard, fields: bytes, found: str
    ) -> None:
        values = [b"{" + fields + rest for rest in (b',"imp":[{"id":"1"}]}', b',"imp":[]}')]
        effects = shard.handle([asks(offset, value=value) for offset, value in enumerate(values)], world())
        assert [result.id for result in results_of(effects)] == [found, found]
        assert [request_fact(0, value).request_id for value in values] == [found, found]

    @pytest.mark.parametrize("value", [None, b"", b"\xff\x00", b"[]", b'{"imp":[]}'])
    def test_what_has_no_readable_id_is_written_off_alone(self, shard: Shard, value: bytes | None) -> None:
        effects = shard.handle([asks(0, value=value)], world())
        assert [(record.topic, record.value) for record in effects.records] == [(DEAD_LETTERS, value)]
        assert shard.counts == {"unreadable": 1, "unanswered": 1}

    def test_key_and_value_together_have_a_limit(self, shard: Shard) -> None:
        good = request("r")
        effects = shard.handle([asks(0, value=good, key=b"k" * (REQUEST_BYTES_MAX - len(good) + 1))], world())
        assert [result.nbr for result in results_of(effects)] == [Nbr.TOO_LARGE]

    def test_a_key_too_long_for_a_request_is_refused_before_it_is_hashed(self, shard: Shard) -> None:
        """Hashing 900 KB held up the process for 57 ms, whatever became of the request."""
        keys = (b"k" * REQUEST_BYTES_MAX + b"%d" % number for number in range(100))
        elsewhere = next(key for key in keys if partition_of(key, PARTITIONS) != 0)
        effects = shard.handle([asks(0, "r", key=elsewhere)], world(misplaced="refuse"))
        assert [result.nbr for result in results_of(effects)] == [Nbr.TOO_LARGE]
        assert shard.counts == {"too_large": 1}

    def test_of_a_very_long_value_only_hash_length_and_origin_are_kept(self, shard: Shard) -> None:
        value = request("r", site={"name": "x" * DEAD_LETTER_BYTES_MAX})
        effects = shard.handle([asks(0, value=value)], world())
        [letter] = written(effects, DEAD_LETTERS)
        assert letter.value == b""
        assert headers_of(letter)["adjudge-sha256"] == hashlib.sha256(value).hexdigest()
        assert headers_of(letter)["adjudge-size-bytes"] == str(len(value))
        assert headers_of(letter)["adjudge-offset"] == "0"

    @pytest.mark.parametrize("request_id", [DEFECT, f"{DEFECT}-enrich", f"{DEFECT}-conclude", DUMB])
    def test_a_defect_is_answered_written_off_and_leaves_no_trace(self, shard: Shard, request_id: str) -> None:
        effects = shard.handle([asks(0, request_id), asks(1, "b"), asks(2, request_id)], world())
        assert [(result.id, result.nbr) for result in results_of(effects)][0::2] == [
            (request_id, Nbr.INTERNAL_ERROR)
        ] * 2
        assert [record.topic for record in effects.records] == [RESULTS, DEAD_LETTERS, RESULTS, RESULTS, DEAD_LETTERS]
        assert [offset for offset, _ in effects.errors] == [0, 2]
        assert shard.counts == {"requests": 1, "internal_error": 2}  # not remembered, so not repeated
        assert shard._state.window.whole() == new_shard_that_decided("b")._state.window.whole()

    def test_the_problem_of_a_defect_names_its_kind_alone_as_its_text_differs_from_run_to_run(
        self, shard: Shard
    ) -> None:
        effects = shard.handle([asks(0, DEFECT)], world())
        [letter] = written(effects, DEAD_LETTERS)
        assert headers_of(letter)["adjudge-problem"] == "TripError"
        assert isinstance(effects.errors[0][1], TripError)

    def test_a_request_that_cannot_even_be_refused_is_written_off(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine.answering, "refuse", lambda *_, **__: 1 / 0)
        effects = shard.handle([asks(0, DEFECT), asks(1, "b")], world())
        assert [record.topic for record in effects.records] == [DEAD_LETTERS, RESULTS]
        assert shard.counts == {"internal_error": 1, "unanswered": 1, "requests": 1}

    def test_want_of_memory_stops_the_shard_and_blames_no_request(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def starve(*_: object, **__: object) -> None:
            raise MemoryError

        shard = new_shard()
        monkeypatch.setattr(engine.answering, "take_request", starve)
        with pytest.raises(MemoryError):
            shard.handle([asks(0, "a")], world())
        monkeypatch.undo()
        with pytest.raises(RuntimeError, match="restore"):
            shard.handle([asks(0, "a")], world())


def new_shard_that_decided(*request_ids: str) -> Shard:
    shard = new_shard()
    shard.handle([asks(offset, name) for offset, name in enumerate(request_ids)], world())
    return shard


@pytest.mark.parametrize("in_a_row", [1, 2, 3])
def test_how_many_requests_take_a_step_in_a_row_shows_nowhere(in_a_row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["a", "b", "a", DEFECT, "c", "b", DUMB, "a", f"{DEFECT}-enrich"]
    batch = [asks(offset, name, at_ms=9 - offset) for offset, name in enumerate(names)]
    batch.insert(4, tick(20))
    batch.insert(6, asks(1, "b"))  # again: passed over

    def effects() -> tuple[object, ...]:
        done = new_shard().handle(batch, world())
        return done.records, done.entry, done.stats, done.decision_ids, [at for at, _ in done.errors]

    together = effects()
    monkeypatch.setattr(engine.shard, "STEP_REQUESTS", in_a_row)
    assert effects() == together


@pytest.mark.parametrize("limit", ["STEP_READ_BYTES", "STEP_WRITTEN_BYTES"])
def test_a_stretch_may_be_left_where_much_was_read_or_written(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen requests of 240 KB each were read in a row, and sixteen answers of 2 MB written: 1.4 s without a turn of the loop."""
    batch = [asks(offset, name) for offset, name in enumerate("abca")]

    def handled() -> tuple[list[bool], Effects]:
        left: list[bool] = []
        going_on = new_shard().handling(batch, world(), len(batch))
        while True:
            try:
                left.append(next(going_on))
            except StopIteration as end:
                return left, end.value

    between_auctions, together = handled()
    assert between_auctions == [False] * 3
    monkeypatch.setattr(engine.shard, limit, 0)
    left, apart = handled()
    assert left == [False] * 6
    assert (apart.records, apart.entry) == (together.records, together.entry)


class TestMisplaced:
    def test_a_record_on_another_partition_than_its_key_says_is_counted(self, shard: Shard) -> None:
        effects = shard.handle([asks(0, "a", key=ELSEWHERE[0]), asks(1, "b"), asks(2, "c", key=None)], world())
        assert [result.nbr for result in results_of(effects)] == [None, 505, None]
        assert shard.counts["misplaced"] == 1

    def test_so_is_one_whose_decision_fails(self, shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
        shard.handle([asks(0, DEFECT, key=ELSEWHERE[0])], world())
        assert shard.counts == {"misplaced": 1, "internal_error": 1}
        monkeypatch.setattr(engine.answering, "refuse", lambda *_, **__: 1 / 0)
        shard.handle([asks(1, DEFECT, key=ELSEWHERE[0])], world())
        assert shard.counts == {"misplaced": 2, "internal_error": 2, "unanswered": 1}

    def test_by_control_it_is_refused(self, shard: Shard) -> None:
        effects = shard.handle([asks(0, "a", key=ELSEWHERE[0]), asks(1, "b")], world(misplaced="refuse"))
        assert [result.nbr for result in results_of(effects)] == [Nbr.MISPLACED, 505]
        assert written(effects, DEAD_LETTERS) == []
        assert shard.counts == {"misplaced": 1, "requests": 1}

    def test_one_that_cannot_be_answered_is_written_off_rather_than_lost(self, shard: Shard) -> None:
        effects = shard.handle([asks(0, value=b"{", key=ELSEWHERE[0])], world(misplaced="refuse"))
        assert [(record.topic, record.value) for record in effects.records] == [(DEAD_LETTERS, b"{")]
        assert headers_of(effects.records[0])["adjudge-reason"] == "misplaced"
        assert shard.counts == {"misplaced": 1, "unanswered": 1}


class TestReplies:
    def test_a_request_that_asks_gets_its_result_once_more(self, shard: Shard) -> None:
        effects = shard.handle([asks(0, "a", headers=(("adjudge-reply", b"feed.7:99999"), ("x", b"t:1")))], world())
        [reply] = effects.replies
        assert (reply.topic, reply.partition) == ("feed.7", 99_999)
        assert (reply.record.key, reply.record.value) == (b"a", effects.records[0].value)
        assert reply.record not in effects.records

    def test_of_several_addresses_the_last_counts(self, shard: Shard) -> None:
        effects = shard.handle([asks(0, "a", headers=(("adjudge-reply", b"t:1"), ("adjudge-reply", b"t:2")))], world())
        assert [reply.partition for reply in effects.replies] == [2]

    def test_a_refused_request_gets_its_reply_too(self, shard: Shard) -> None:
        effects = shard.handle([asks(0, value=b'{"id":"r"}', headers=(("adjudge-reply", b"t:0"),))], world())
        assert [reply.record.key for reply in effects.replies] == [b"r"]

    @pytest.mark.parametrize(
        "address",
        [
            b"",
            b"topic",
            b":",
            b"t:",
            b":1",
            b"t:-1",
            b"t:x",
            b"t:1:2",
            b"..:1",
            b"t:100000",
            b"\xff:1",
            b"t" * 250 + b":1",
        ],
    )
    def test_an_unreadable_address_is_passed_over(self, shard: Shard, address: bytes) -> None:
        effects = shard.handle([asks(0, "a", headers=(("adjudge-reply", address),))], world())
        assert (len(results_of(effects)), effects.replies) == (1, ())


class TestRejections:
    def test_a_refused_record_of_a_broadcast_topic_is_written_off_once(self, shard: Shard) -> None:
        effects = shard.handle([refused(3), asks(0, "a"), refused(4), refused(4), refused(9, topic=CONTROLS)], world())
        letters = written(effects, DEAD_LETTERS)
        assert [(headers_of(one)["adjudge-topic"], headers_of(one)["adjudge-offset"]) for one in letters] == [
            (CAMPAIGN_UPDATES, "3"),
            (CAMPAIGN_UPDATES, "4"),
            (CONTROLS, "9"),
        ]
        assert headers_of(letters[0])["adjudge-reason"] == "invalid_update"
        assert headers_of(letters[2])["adjudge-reason"] == "invalid_control"
        assert headers_of(letters[0])["adjudge-field"] == "pricing.event"
        assert runs_of(effects) == [
            (CAMPAIGN_UPDATES, 3, 4),
            ("requests", 0, 1),
            (CAMPAIGN_UPDATES, 4, 5),
            (CONTROLS, 9, 10),
        ]
        assert shard.rejections_below == {CAMPAIGN_UPDATES: 5, CONTROLS: 10}
        assert shard.handle([refused(3), refused(4)], world()).entry is None

    def test_it_moves_no_clock(self, shard: Shard) -> None:
        shard.handle([refused(3, at_ms=5_000)], world())
        assert shard.clock_ms == 0

    def test_another_shard_does_not_take_it(self) -> None:
        with pytest.raises(ValueError, match="does not read"):
            new_shard(1).handle([refused(3)], world())

    def test_a_topic_that_is_not_decided_yet_is_refused_before_anything_changes(self, shard: Shard) -> None:
        with pytest.raises(ValueError, match="engagements"):
            shard.handle([asks(0, "a"), Input(topic="engagements", offset=0, timestamp_ms=0)], world())
        assert (shard.position, shard.sequence) == (0, 0)


class TestWorld:
    @pytest.mark.parametrize("older", [world(6, 3), world(7, 2)])
    def test_offsets_in_force_never_fall(self, shard: Shard, older: object) -> None:
        shard.handle([asks(0, "a")], world(7, 3))
        assert (shard.catalog_offset, shard.controls_offset) == (7, 3)
        with pytest.raises(ValueError, match="cannot go back"):
            shard.handle([asks(1, "b")], older)  # type: ignore[arg-type]  # parametrize hides the type
        shard.handle([asks(1, "b")], world(7, 3))
        assert shard.position == 2


class TestJournal:
    def test_an_entry_names_all_that_a_batch_took_in_and_led_to(self, shard: Shard) -> None:
        before = shard.digest
        effects = shard.handle([asks(0, "a"), tick(2_000), asks(1, value=b"?"), asks(2, "c")], world(7, 3))
        entry = entry_of(effects)
        assert entry == Entry(
            shard=0,
            sequence=1,
            digest_before=before,
            digest_after=shard.digest,
            fence=5,
            runs=entry.runs,
            catalog_offset=7,
            controls_offset=3,
            clock_ms=2_000,
            outside=(Tick(after_runs=1, timestamp_ms=2_000),),
            counts=msgspec.structs.replace(entry.counts, results=2, impressions=2, costs=2, dead_letters=1),
            delta=entry.delta,
            checkpoint=None,
            last_checkpoint=CheckpointPlace(sequence=0, offset=0),
        )
        assert runs_of(effects) == [("requests", 0, 1), ("requests", 1, 3)]
        assert effects.sequence == 1
        assert effects.entry is not None
        assert effects.entry.topic == "journal"
        assert entry.delta.counts == {"requests": 2, "unanswered": 1, "unreadable": 1}

    def test_every_so_many_entries_one_carries_the_whole_state(self, shard: Shard) -> None:
        carried = [
            entry_of(shard.handle([asks(offset, f"r{offset}")], world())) for offset in range(CHECKPOINT_ENTRIES + 1)
        ]
        assert [entry.sequence for entry in carried if entry.checkpoint] == [CHECKPOINT_ENTRIES]
        assert carried[-1].last_checkpoint == CheckpointPlace(sequence=0, offset=0)  # not known to be committed

    def test_so_does_the_first_entry_after_a_long_logical_time(self, shard: Shard) -> None:
        times = [1, CHECKPOINT_AGE_MS_MAX - 1, CHECKPOINT_AGE_MS_MAX, CHECKPOINT_AGE_MS_MAX + 1]
        entries = [entry_of(shard.handle([tick(time)], world())) for time in times]
        assert [entry.checkpoint is not None for entry in entries] == [False, False, True, False]

    def test_later_entries_name_a_checkpoint_once_its_place_is_known(self, shard: Shard) -> None:
        shard.handle([tick(CHECKPOINT_AGE_MS_MAX)], world())
        second = entry_of(shard.handle([tick(CHECKPOINT_AGE_MS_MAX)], world()))  # decided while the first commits
        shard.committed(sequence=1, journal_offset=40)
        shard.committed(sequence=2, journal_offset=42)
        third = entry_of(shard.handle([tick(CHECKPOINT_AGE_MS_MAX)], world()))
        assert second.last_checkpoint == CheckpointPlace(sequence=0, offset=0)
        assert third.last_checkpoint == CheckpointPlace(sequence=1, offset=40)

    def test_a_small_delta_costs_eleven_characters_a_request(self, shard: Shard) -> None:
        remembered = remembered_in(shard.handle([asks(offset, f"r{offset}") for offset in range(300)], world()))
        assert len(remembered) == 300 * 8 * 4 // 3
        assert remembered_in(shard.handle([asks(300, "r7"), asks(301, "r8")], world())) == ""
