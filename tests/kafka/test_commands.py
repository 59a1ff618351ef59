"""The commands that talk to Kafka, run as a person or a program runs them."""

import asyncio
import json
import pathlib
import signal
import subprocess
import sys
from typing import Any

import orjson
import pytest
from aiokafka.admin import NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from consumers.topic_check import check_topics
from engine.partitioning import partition_of
from schemas.topics import BY_NAME, expected_configs
from scripts.demo_setup import make_topics
from scripts.local_kafka import LocalKafka
from scripts.shard_count import ShardCountError
from tests.kafka.cluster import Cluster, until

ROOT = pathlib.Path(__file__).parents[2]
SHARDS = 3
REQUEST = {"imp": [{"id": "1", "banner": {"w": 300, "h": 250}, "bidfloor": 0.10}]}

WRONG = {
    "requests": {"message.timestamp.type": "CreateTime", "retention.ms": "3600000", "retention.bytes": "1000000"},
    "journal": {"cleanup.policy": "compact", "max.message.bytes": "1000012"},
    "campaign-updates": {"min.compaction.lag.ms": "0", "cleanup.policy": "compact,delete"},
    "controls": {"retention.ms": "604800000"},
}


class Ran:
    """How a command ended."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.err = err
        lines = out.strip().splitlines()
        self.json: dict[str, Any] = json.loads(lines[-1]) if lines else {}


async def start(cluster: Cluster, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", *arguments, "--json",
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": "", "HOME": str(cluster.folder)} | cluster.environment(),
    )  # fmt: skip


async def adjudge(cluster: Cluster, *arguments: str) -> Ran:
    child = await start(cluster, *arguments)
    out, err = await child.communicate()
    return Ran(child.returncode or 0, out.decode(), err.decode())


async def test_topics_are_created_once_and_then_as_the_engine_needs_them(cluster: Cluster) -> None:
    before = await adjudge(cluster, "topics", "check")
    assert before.status == 1
    assert {finding["setting"] for finding in before.json["findings"]} == {"exists"}
    created = await adjudge(cluster, "topics", "create", "--partitions", str(SHARDS))
    assert (created.status, created.json["findings"], len(created.json["created"])) == (0, [], 12)
    for same in ((), ("--partitions", str(SHARDS))):
        again = await adjudge(cluster, "topics", "create", *same)
        assert (again.status, again.json["created"]) == (0, [])
    assert (await adjudge(cluster, "topics", "check")).json == {"ok": True, "findings": []}
    longer = await adjudge(cluster, "topics", "create", "--replay-days", "30")
    assert longer.status == 1, "they keep 7 days"
    assert {"retention.ms"} <= {finding["setting"] for finding in longer.json["findings"]}


async def test_asking_for_another_number_of_shards_than_the_log_has_is_an_error(cluster: Cluster) -> None:
    await cluster.create(SHARDS)
    wider = await adjudge(cluster, "topics", "create", "--partitions", "7")
    assert wider.status == 1
    assert f"the log of {cluster.prefix}requests has {SHARDS} partitions, not 7" in wider.json["error"]
    assert "--partitions" in wider.json["error"]
    with pytest.raises(ShardCountError, match="has 3 partitions, not 5"):
        await make_topics(cluster.settings(), 5)
    assert await make_topics(cluster.settings(), None) == SHARDS


async def test_topics_that_are_missing_get_as_many_partitions_as_the_others(cluster: Cluster) -> None:
    await cluster.create(SHARDS)
    await cluster.admin.delete_topics([cluster.name("costs")])

    async def gone() -> bool:
        return any(finding.setting == "exists" for finding in await check_topics(cluster.admin, cluster.prefix))

    await until(gone)
    created = await adjudge(cluster, "topics", "create")
    assert (created.status, created.json["created"], created.json["findings"]) == (0, [cluster.name("costs")], [])


async def test_each_wrong_setting_is_named(cluster: Cluster) -> None:
    """All at once: that each is found alone, test_topic_check.py proves."""
    await cluster.create()
    resources = []
    for topic, wrong in WRONG.items():
        right = {setting: rule.created for setting, rule in expected_configs(BY_NAME[topic]).items()}
        resources.append(ConfigResource(ConfigResourceType.TOPIC, cluster.name(topic), configs=right | wrong))
    await cluster.admin.alter_configs(resources)
    wanted = sorted(
        (cluster.name(topic), setting, value) for topic, wrong in WRONG.items() for setting, value in wrong.items()
    )

    async def altered() -> bool:
        return len(await check_topics(cluster.admin, cluster.prefix)) == len(wanted)

    await until(altered)
    checked = await adjudge(cluster, "topics", "check")
    assert checked.status == 1
    assert sorted((one["topic"], one["setting"], one["actual"]) for one in checked.json["findings"]) == wanted
    served = await adjudge(cluster, "serve")
    assert served.status == 1
    assert served.json["error"].startswith(f"topic {cluster.name('requests')}: ")
    assert f"; and {len(wanted) - 3} more" in served.json["error"]


async def test_a_count_of_partitions_that_differs_is_named(cluster: Cluster) -> None:
    await cluster.create(2)
    await cluster.admin.create_partitions({cluster.name("costs"): NewPartitions(total_count=3)})

    async def grown() -> bool:
        return bool(await check_topics(cluster.admin, cluster.prefix))

    await until(grown)
    (finding,) = (await adjudge(cluster, "topics", "check")).json["findings"]
    assert finding == {"topic": cluster.prefix + "costs", "setting": "partitions", "actual": "3", "wanted": "2"}
    audited = await adjudge(cluster, "audit")
    assert audited.status == 1
    assert audited.json["error"].startswith(
        f"topic {cluster.prefix}costs has 3 partitions, {cluster.prefix}requests has 2"
    )
    assert "adjudge topics check" in audited.json["error"]


async def test_a_good_file_is_published_under_the_keys_of_its_messages(cluster: Cluster) -> None:
    await cluster.create(SHARDS)
    file = cluster.folder / "requests.jsonl"
    lines = [REQUEST | {"id": f"r{number}", "user": {"id": f"u{number}"}} for number in range(40)]
    file.write_bytes(b"\n".join(orjson.dumps(line) for line in lines))
    loaded = await adjudge(cluster, "load", "requests", str(file), "--rate", "400")
    assert (loaded.status, loaded.json["published"]) == (0, 40)
    assert loaded.json["seconds"] >= 0.04
    found = [record for shard in range(SHARDS) for record in await cluster.read("requests", shard)]
    assert len(found) == 40
    assert {record.key for record in found} == {f"u{number}".encode() for number in range(40)}
    for record in found:
        assert record.partition == partition_of(record.key, SHARDS)
        assert b'"bidfloor":0.1' in record.value
        assert dict(record.headers)["adjudge-schema"] == b"bid_request;1"


async def test_nothing_of_a_file_with_one_error_is_published(cluster: Cluster) -> None:
    await cluster.create()
    file = cluster.folder / "controls.jsonl"
    good = b'{"kind":"seed","name":"default","value":"s"}\n'
    file.write_bytes(good + b'{"kind":"seed","name":"other"}\n')
    refused = await adjudge(cluster, "load", "controls", str(file))
    assert (refused.status, refused.json["published"]) == (1, 0)
    assert refused.json["errors"][0]["line"] == 2
    misplaced = await adjudge(cluster, "load", "campaign-updates", str(file))
    assert misplaced.json["errors"][0]["problem"] == "belongs on controls, not on campaign-updates"
    file.write_bytes(good)
    assert (await adjudge(cluster, "load", "controls", str(file))).json["published"] == 1
    (record,) = await cluster.read("controls")
    assert (record.key, record.value) == (b"seed/default", good.strip())


async def test_what_is_piped_into_load_is_published(cluster: Cluster) -> None:
    await cluster.create()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.cli", "load", "controls", "/dev/stdin", "--json",
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": "", "HOME": str(cluster.folder)} | cluster.environment(),
    )  # fmt: skip
    out, err = await child.communicate(b'{"kind":"seed","name":"default","value":"s"}')
    loaded = Ran(child.returncode or 0, out.decode(), err.decode())
    assert (loaded.status, loaded.json["published"]) == (0, 1)
    assert [record.key for record in await cluster.read("controls")] == [b"seed/default"]


async def test_what_is_removed_is_written_without_a_value(cluster: Cluster) -> None:
    await cluster.create()
    file = cluster.folder / "ads.jsonl"
    ad = {"kind": "ad", "id": "ad1", "version": 1, "line_item_id": "l1", "creative_id": "cr1", "status": "active"}
    file.write_bytes(orjson.dumps(ad) + b'\n{"kind":"campaign","id":"c1"}\n')
    removed = await adjudge(cluster, "load", "campaign-updates", str(file), "--remove")
    assert (removed.status, removed.json["removed"]) == (0, 2)
    records = await cluster.read("campaign-updates")
    assert [(record.key, record.value) for record in records] == [(b"ad/ad1", None), (b"campaign/c1", None)]
    file.write_bytes(b'{"kind":"ad","id":"ad1"}\n{"kind":"policy","name":"feed"}\n')
    refused = await adjudge(cluster, "load", "campaign-updates", str(file), "--remove")
    assert (refused.status, refused.json["removed"]) == (1, 0)
    assert refused.json["errors"][0]["fix"] == "`adjudge load controls FILE --remove`"
    assert (await adjudge(cluster, "load", "requests", str(file), "--remove")).status == 2


async def test_loading_to_a_topic_that_is_not_there_says_what_to_do(cluster: Cluster) -> None:
    file = cluster.folder / "seed.json"
    file.write_text('{"kind":"seed","name":"default","value":"s"}')
    loaded = await adjudge(cluster, "load", "controls", str(file))
    assert loaded.status == 1
    assert "adjudge topics create" in loaded.json["error"]


async def test_two_processes_share_the_shards_and_end_together(cluster: Cluster) -> None:
    await cluster.create(SHARDS)
    serving = await start(cluster, "serve", "--processes", "2")
    assert serving.stderr is not None
    taken: set[str] = set()
    lines: list[str] = []
    while len(taken) < SHARDS:
        line = (await serving.stderr.readline()).decode()
        assert line, "".join(lines)
        lines.append(line)
        if "took the shard over" in line:
            taken.add(line.rpartition("shard=")[2].strip())
    serving.send_signal(signal.SIGTERM)
    out, _ = await serving.communicate()
    assert json.loads(out) == {"ok": True, "processes": 2, "status": 0}


async def test_an_http_port_in_use_is_the_stated_reason(cluster: Cluster, kafka: LocalKafka) -> None:
    await cluster.create()
    served = await adjudge(cluster, "serve", "--http", f"127.0.0.1:{kafka.port}")
    assert served.status == 1
    assert "address already in use" in served.json["error"]
