"""Settings shared by all tests: Hypothesis profiles, and where the shared real data lies."""

import gc
import os
import pathlib

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("chaos", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("ADJUDGE_TEST_PROFILE", "default"))


COMPUTING = ("conformance", "property", "simulation")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files on Kafka, which wait, in turn with those that compute: one process then uses what another leaves of the cores.

    The many short files come last, so that all processes end at the same time.
    """
    folders = {item.path: item.path.parent.name for item in items}
    waiting = [path for path, folder in folders.items() if folder == "kafka"]
    computing = [path for path, folder in folders.items() if folder in COMPUTING]
    turns = {path: (number + 0.5) / len(kind) for kind in (waiting, computing) for number, path in enumerate(kind)}
    items.sort(key=lambda item: turns.get(item.path, 1))


def pytest_collection_finish() -> None:
    """What was imported and collected stays: no collection of garbage goes through it again, a twentieth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """Real traffic beside the checkout; tests that read it skip where it is absent."""
    folder = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real sample data is not beside this checkout")
    return folder
