"""The topic table holds what the design promises, and its rules tell a good cluster from a bad one."""

import pytest

from schemas.topics import (
    BY_NAME,
    TOPICS,
    ConfigRule,
    expected_configs,
    logical_name,
    partition_count,
    replication_for,
    topic_name,
)

DAY_MS = 86_400_000


def test_the_twelve_topics_of_the_design_each_once() -> None:
    assert [topic.name for topic in TOPICS] == [
        "requests",
        "campaign-updates",
        "controls",
        "engagements",
        "results",
        "impressions",
        "costs",
        "leases",
        "ledger",
        "journal",
        "dead-letters",
        "replies",
    ]


def test_every_input_of_a_state_machine_is_stamped_by_the_broker() -> None:
    stamped = {topic.name for topic in TOPICS if topic.timestamps == "LogAppendTime"}
    assert stamped == {"requests", "campaign-updates", "controls", "engagements", "leases", "ledger"}


def test_only_the_broadcast_topics_have_one_partition() -> None:
    assert {topic.name for topic in TOPICS if topic.broadcast} == {"campaign-updates", "controls"}
    assert partition_count(BY_NAME["controls"], 12) == 1
    assert partition_count(BY_NAME["journal"], 12) == 12


@pytest.mark.parametrize("name", ["requests", "engagements", "leases", "journal", "results", "impressions", "costs"])
def test_what_a_replay_reads_is_kept_for_the_replay_window(name: str) -> None:
    rules = expected_configs(BY_NAME[name], 3 * DAY_MS)
    assert not rules["retention.ms"].holds(str(3 * DAY_MS - 1))
    assert rules["retention.ms"].holds(str(3 * DAY_MS))
    assert rules["retention.ms"].holds("-1")
    assert not rules["retention.bytes"].holds("1000000")
    assert rules["cleanup.policy"].created == "delete"


def test_controls_are_kept_for_ever() -> None:
    rule = expected_configs(BY_NAME["controls"])["retention.ms"]
    assert rule.created == "-1"
    assert rule.holds("-1")
    assert not rule.holds(str(10_000 * DAY_MS))


def test_the_catalog_compacts_only_after_the_replay_window() -> None:
    rules = expected_configs(BY_NAME["campaign-updates"], 7 * DAY_MS)
    assert rules["cleanup.policy"].holds("compact")
    assert not rules["cleanup.policy"].holds("compact,delete")
    for name in ("min.compaction.lag.ms", "delete.retention.ms"):
        assert not rules[name].holds("86400000")
        assert rules[name].holds(str(7 * DAY_MS))
    assert "retention.ms" not in rules


def test_what_is_created_passes_its_own_check() -> None:
    for topic in TOPICS:
        for name, rule in expected_configs(topic).items():
            assert rule.holds(rule.created), (topic.name, name)


def test_a_missing_or_strange_config_does_not_hold() -> None:
    rule = ConfigRule(rule="at_least", created="5", least=5)
    assert not rule.holds(None)
    assert not rule.holds("many")
    assert rule.wanted == "at least 5"
    assert ConfigRule(rule="equal", created="delete").wanted == "delete"


def test_names_carry_the_prefix_both_ways() -> None:
    assert topic_name("t1.", "dead-letters") == "t1.dead-letters"
    assert logical_name("t1.", "t1.dead-letters") == "dead-letters"
    assert logical_name("t1.", "t1.else") is None
    assert logical_name("t1.", "requests") is None


@pytest.mark.parametrize(("prefix", "logical"), [("ads.", "request"), ("ads/", "requests"), ("a" * 245, "requests")])
def test_a_name_that_kafka_would_refuse_is_refused_here(prefix: str, logical: str) -> None:
    with pytest.raises(ValueError, match=r"topic"):
        topic_name(prefix, logical)


def test_replication_follows_the_size_of_the_cluster() -> None:
    assert [(replication_for(n).factor, replication_for(n).min_insync) for n in (1, 2, 3, 9)] == [
        (1, 1),
        (2, 1),
        (3, 2),
        (3, 2),
    ]
    with pytest.raises(ValueError, match="at least one"):
        replication_for(0)
