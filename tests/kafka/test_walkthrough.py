"""Getting started and every how-to, followed to the letter: the files written, the commands run, what they print seen."""

import asyncio
import os
import pathlib
import re
import subprocess
import sys

import orjson
import pytest

from consumers.service import Service
from schemas.topics import TOPIC_PREFIX_DEFAULT, TOPICS
from tests.documents import ROOT
from tests.kafka.cluster import DEADLINE_S, Cluster
from tests.kafka.feeding import engine_settings
from tests.kafka.running import results_reach, running
from tests.walkthrough import STARTED, File, Run, prints, steps, to_follow

_TOPIC = re.compile(rf"\b{re.escape(TOPIC_PREFIX_DEFAULT)}({'|'.join(topic.name for topic in TOPICS)})\b")
# Those that change campaigns and controls: each leaves all as it was for the next, in the order of docs/README.md.
IN_TURN = ("how-to/target.md", "how-to/price.md", "how-to/block.md", "how-to/stop.md")
_LOAD = re.compile(r"^adjudge load ([\w-]+) ([\w.-]+)( --remove)?$", re.MULTILINE)


class Reader:
    """Who follows a page, in a folder of their own, on the prefix of a test."""

    def __init__(self, cluster: Cluster, service: Service, folder: pathlib.Path) -> None:
        self.cluster = cluster
        self.service = service
        self.folder = folder

    async def follow(self, name: str) -> None:
        for step in steps(to_follow(name)):
            if isinstance(step, File):
                self.write(step)
            else:
                await self.run(step, commands_load=name == STARTED)

    async def begin(self) -> None:
        """Be where getting started ends, in its order."""
        for step in steps(to_follow(STARTED)):
            if isinstance(step, File):
                self.write(step)
            else:
                for loading in _LOAD.finditer(step.commands):
                    await self.load(*loading.groups())

    def write(self, file: File) -> None:
        (self.folder / file.name).write_text(self.here(file.text), "utf-8")

    async def run(self, step: Run, *, commands_load: bool) -> None:
        """Line by line, as people type; what the page shows is what the last line prints."""
        printed = ""
        for line in step.commands.splitlines():
            loading = _LOAD.match(line)
            if loading and not commands_load:
                await self.load(*loading.groups())
                continue
            printed = await self.shell(line)
            if loading:
                await self.settled(loading[1])
        if step.printed is not None and not prints(self.here(step.printed), printed):
            pytest.fail(f"{step.commands}printed\n{printed}and not\n{step.printed}")

    async def shell(self, line: str) -> str:
        child = await asyncio.create_subprocess_exec(
            "bash", "-c", self.here(line), cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={
                "PATH": f"{pathlib.Path(sys.executable).parent}:{os.defpath}", "COLUMNS": "200",
                **self.cluster.environment(HOME=str(self.folder)),
            },
        )  # fmt: skip
        printed = (await child.communicate())[0].decode()
        if child.returncode:
            pytest.fail(f"{line}\nended with {child.returncode} and printed\n{printed}")
        return printed

    async def load(self, topic: str, file: str, remove: str) -> None:
        """What ``adjudge load`` writes, without a process of its own, whose start takes longer than all else of a page."""
        records: list[tuple[bytes | None, bytes | None]] = []
        for line in (self.folder / file).read_bytes().splitlines():
            one = orjson.loads(line)
            name = one.get("id") if topic != "controls" else one["name"]
            key = one.get("user", {}).get("id", name) if topic == "requests" else f"{one['kind']}/{name}"
            records.append((key.encode(), None if remove else line))
        await self.cluster.write(topic, records)
        await self.settled(topic)

    def here(self, text: str) -> str:
        """The page's text with the addresses of this test."""
        return _TOPIC.sub(rf"{self.cluster.prefix}\1", text.replace("127.0.0.1:9092", self.cluster.bootstrap))

    async def settled(self, topic: str) -> None:
        """Wait until what was written to a topic is in force, or has its results."""
        written = await self.cluster.log_end(topic)
        if topic != "requests":
            offsets = {"campaign-updates": 0, "controls": 0, topic: written}
            async with asyncio.timeout(DEADLINE_S):
                await self.service.broadcast.reached(
                    catalog_offset=offsets["campaign-updates"], controls_offset=offsets["controls"]
                )
            return

        assert len(await results_reach(self.cluster, written)) == written


@pytest.mark.parametrize("names", [(STARTED,), ("how-to/read-topics.md",), IN_TURN], ids=["start", "read", "change"])
async def test_the_pages_do_what_they_say(names: tuple[str, ...], cluster: Cluster, tmp_path: pathlib.Path) -> None:
    await cluster.create()
    async with running(engine_settings(cluster)) as service:
        reader = Reader(cluster, service, tmp_path)
        if names != (STARTED,):
            await reader.begin()
        for name in names:
            await reader.follow(name)


def test_every_page_with_something_to_follow_is_followed() -> None:
    followed = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs" / "how-to").glob("*.md")}
    assert followed == {
        "how-to/read-topics.md",
        *IN_TURN,
        "how-to/ask.md",
    }  # of which test_feed_page.py and test_gateway_commands.py take care
