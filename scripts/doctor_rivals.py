"""Whether engines of another group decide the same topics, for ``adjudge doctor``: each fences the other for ever."""

from collections.abc import Sequence
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from consumers.connection import client_arguments
from consumers.journal_reader import JournalReader, open_journal
from consumers.settings import Settings
from schemas.journal import Fence
from schemas.topics import topic_name
from scripts.doctor_cluster import held
from scripts.doctor_finding import Finding, problem, warning
from scripts.doctor_kafka import Brokers
from scripts.error_texts import plain
from scripts.kafka_access import admin_client

CHECK: Final = "group"
FENCES_LOOKED_AT: Final = 3
FETCH_WAIT_MS: Final = 20
SHARD: Final = 0  # each group gives every shard to someone, so one of them shows all groups


async def rivals(brokers: Brokers, settings: Settings) -> list[Finding]:
    """Groups that took a shard over lately, have members at work, and are not ours."""
    journal = topic_name(settings.topic_prefix, "journal")
    if journal not in brokers.partitions:
        return []
    try:
        async with open_journal(journal, SHARD, client_arguments(settings), fetch_wait_ms=FETCH_WAIT_MS) as reader:
            fences = await last_fences(reader)
    except KafkaError as error:
        fix = "let this user read it, to see whether engines of two groups decide the same topics"
        return [warning(CHECK, f"{journal} cannot be read: {plain(error)}", fix)]
    others = sorted({fence.group for fence in fences} - {settings.group, ""})
    if not others:
        return []
    requests = topic_name(settings.topic_prefix, "requests")
    async with admin_client(settings) as admin:
        working = [group for group in (*others, settings.group) if await _works(admin, group, requests)]
    ours = settings.group in working
    return [_rival(other, fences, settings, ours=ours) for other in others if other in working]


async def _works(admin: AIOKafkaAdminClient, group: str, requests: str) -> bool:
    """Whether a member of the group has a shard."""
    (answer,) = await admin.describe_consumer_groups([group])
    _, _, _, _, _, members, *_ = answer.groups[0]
    return any(list(held(member, requests)) for member in members)


async def last_fences(reader: JournalReader) -> Sequence[Fence]:
    """Who took the shard over, the last one first."""
    _, below = await reader.bounds()
    found: list[Fence] = []
    while len(found) < FENCES_LOOKED_AT:
        number = await reader.fence_number(below)
        fence = None if number is None else await reader.fence(number)
        if fence is None:
            break
        found.append(fence)
        below = fence.number
    return found


def _rival(other: str, fences: Sequence[Fence], settings: Settings, *, ours: bool) -> Finding:
    owner = next(fence.owner for fence in fences if fence.group == other)
    text = f"engines of the group {other} ({owner}) decide these topics"
    if not ours:
        fix = f"set ADJUDGE_GROUP={other} here too: engines of two groups would take every shard from each other"
        return warning(CHECK, f"{text}, and none of {settings.group}", fix)
    fix = "end those of one group, and start them with the ADJUDGE_GROUP of the others, or another ADJUDGE_TOPIC_PREFIX"
    return problem(CHECK, f"{text}, and so do those of {settings.group}: they take every shard from each other", fix)
