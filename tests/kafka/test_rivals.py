"""Engines of two groups on the same topics: what is decided stays right, and each says what is wrong."""

from consumers.service import Service
from scripts.command_doctor import examine
from scripts.doctor_finding import Finding
from tests.kafka.cluster import Cluster, until
from tests.kafka.running import request_record, results_reach, running, write_campaign


async def groups(cluster: Cluster, group: str) -> list[Finding]:
    """What the doctor says of groups to an operator of one of them."""
    found = await examine(cluster.environment(ADJUDGE_GROUP=group))
    return [each for each in found if each.check == "group"]


async def test_engines_of_two_groups_leave_each_other_the_shard_and_name_each_other(cluster: Cluster) -> None:
    await cluster.create()
    await write_campaign(cluster)
    ours, theirs = (
        cluster.settings(ADJUDGE_GROUP=f"{cluster.prefix}{name}", ADJUDGE_INSTANCE=name, ADJUDGE_TICK_MS="100")
        for name in ("one", "two")
    )
    async with running(ours, ready=False) as one, running(theirs, ready=False):
        expected = f"by two of the group {theirs.group}: two groups decide the same topics"
        await until(lambda: any(expected in reason for reason in one.unready()))
        await cluster.write("requests", [request_record(number) for number in range(20)])
        assert await results_reach(cluster, 20) == [f"r{number}" for number in range(20)]
        first, found = await groups(cluster, ours.group)
        assert (first.state, found.state) == ("ok", "problem")
        assert f"engines of the group {theirs.group} (two) decide these topics" in found.text
        _, *strange = await groups(cluster, f"{cluster.prefix}third")
        assert strange
        assert all((each.state, "none of" in each.text) == ("warning", True) for each in strange)
    gone, *more = await groups(cluster, ours.group)
    assert (gone.state, more) == ("warning", [])


async def test_an_engine_that_is_fenced_by_no_other_group_takes_its_shard_back_at_once_each_time(
    cluster: Cluster,
) -> None:
    """As after a transaction that was open for too long, or the late answer of a broker."""
    await cluster.create()
    said: set[str] = set()

    def says(engine: Service) -> list[str]:
        reasons = engine.unready()
        said.update(reasons)
        return reasons

    async with running(cluster.settings(ADJUDGE_TICK_MS="100")) as engine:
        for _ in range(3):
            await cluster.owner().start()
            await until(lambda: says(engine))
            await until(lambda: not says(engine))
    assert any("fenced" in reason for reason in said)
    assert not any("times by" in reason for reason in said)
