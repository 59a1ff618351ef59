"""The example of docs/how-to/ask.md, run as a reader would run it."""

import asyncio
import pathlib
import subprocess
import sys

from tests.documents import ROOT, blocks, section
from tests.kafka.cluster import Cluster
from tests.kafka.feeding import engine_settings
from tests.kafka.running import running, write_campaign

LINES_MAX = 30


async def test_the_example_feed_gets_its_ads(cluster: Cluster, tmp_path: pathlib.Path) -> None:
    page = (ROOT / "docs" / "how-to" / "ask.md").read_text("utf-8")
    (example,) = blocks(section(page, "## The client"), "python")
    assert sum(bool(line.strip()) for line in example.splitlines()) <= LINES_MAX
    program = tmp_path / "feed.py"
    program.write_text(example, "utf-8")
    await cluster.create()
    await write_campaign(cluster)
    async with running(engine_settings(cluster)):
        child = await asyncio.create_subprocess_exec(
            sys.executable, str(program), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={"PATH": "", "PYTHONPATH": str(ROOT), **cluster.environment(HOME=str(tmp_path))},
        )  # fmt: skip
        shown, problems = await child.communicate()
    assert (child.returncode, problems.decode()) == (0, "")
    assert shown.decode().splitlines() == ["ada: <b>Acme</b>", "alan: <b>Acme</b>"]
