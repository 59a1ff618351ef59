"""What a process can say about itself, without a cluster."""

import asyncio
import pathlib

import orjson

from consumers.metrics import RESTORE_CAUSES
from consumers.owner import ShardFailedError
from consumers.service import Service
from consumers.settings import load_settings
from consumers.transactions import FencedError, TransactionError
from engine.effects import CAMPAIGN_UPDATES
from tests.builders import Written, advertiser


async def test_updates_whose_version_does_not_grow_are_counted_where_operators_look(tmp_path: pathlib.Path) -> None:
    settings = load_settings({"ADJUDGE_STATE": tmp_path.as_uri()})
    async with asyncio.TaskGroup() as tasks:
        service = Service(settings, partitions=1, tasks=tasks)
        for offset, version in enumerate((2, 3, 3, 1)):
            written = Written(offset=offset, key=b"advertiser/a1", value=orjson.dumps(advertiser(version=version)))
            await service.broadcast._apply(CAMPAIGN_UPDATES, [written])
        service.refresh_gauges()
        for first in ('restores_total{cause="DoubtfulError"}', 'outcomes_total{what="nbr_internal_error"}'):
            assert f"\nadjudge_{first} 0.0\n".encode() in service.metrics.exposition(), "alerts go by increases"
        assert b"\nadjudge_stale_versions 2.0\n" in service.metrics.exposition()


def test_every_cause_of_a_restore_is_counted_from_the_start() -> None:
    """What a producer raises that is not fenced, and what a shard does: by name, as each is counted."""
    kinds: list[type[Exception]] = [ShardFailedError, *TransactionError.__subclasses__()]
    assert sorted(RESTORE_CAUSES) == sorted(["fenced", *(kind.__name__ for kind in kinds if kind is not FencedError)])
