"""Faster starts of the local Kafka: what Java learned in a first run, kept beside the jars (JEP 483, JEP 514, JEP 515).

A start then takes a quarter of the time. The runtime looks at each cache before it uses it, and does without one that
is not of its own build and class path; so a cache can be old or damaged, but not wrong.
"""

import hashlib
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Final

from scripts.kafka_jars import cache_folder

Record = Callable[[pathlib.Path], None]
"""Runs each main class once, with what ``recording`` gives; may raise, and is then not called again."""

RETRY_S: Final = 86_400.0  # until a recording that failed is tried again
UNUSED_S: Final = 30 * 86_400.0  # until the cache of another installation is removed
HALF_MADE_S: Final = 3_600.0  # until what a killed recording left is removed
_NAME_HEX: Final = 16
_PART: Final = ".part-"


def start_caches(java: pathlib.Path, classpath: str, record: Record) -> pathlib.Path:
    """The folder with one cache for each main class that could be recorded; made by ``record`` at the first call.

    Safe for several processes at once: each makes its own and the first one is kept. Raises OSError when the cache
    folder cannot be written to.
    """
    said = f"{java}\n{_release(java)}\n{classpath}"
    folder = cache_folder().with_name("kafka-starts") / hashlib.sha256(said.encode()).hexdigest()[:_NAME_HEX]
    if folder.is_dir():
        if any(folder.iterdir()):
            os.utime(folder)  # it is in use
            return folder
        if _age_s(folder) < RETRY_S:
            return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    _tidy(folder.parent)
    with tempfile.TemporaryDirectory(prefix=_PART, dir=folder.parent) as staging:
        made = pathlib.Path(staging) / "made"
        made.mkdir()
        try:
            record(made)
        except Exception:  # not when it was interrupted
            _keep(made, folder)  # a folder without caches: it is not tried again at each start
            raise
        _keep(made, folder)
    return folder


def _tidy(caches: pathlib.Path) -> None:
    """Remove what no start has used for long, what an interrupted recording left, and failures that may be tried again."""
    for folder in caches.iterdir():
        kept_s = HALF_MADE_S if folder.name.startswith(_PART) else UNUSED_S if any(folder.iterdir()) else RETRY_S
        if _age_s(folder) >= kept_s:
            shutil.rmtree(folder, ignore_errors=True)


def _age_s(folder: pathlib.Path) -> float:
    return time.time() - folder.stat().st_mtime


def _keep(made: pathlib.Path, folder: pathlib.Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was faster
            raise


def recording(folder: pathlib.Path, main_class: str) -> Sequence[str]:
    """Options with which Java writes the cache of a main class at its orderly end."""
    return (f"-XX:AOTCacheOutput={folder / main_class}.aot",)


def using(folder: pathlib.Path | None, main_class: str) -> Sequence[str]:
    """Options with which Java starts from the cache of a main class; none when there is none."""
    cache = folder / f"{main_class}.aot" if folder else None
    return (f"-XX:AOTCache={cache}", "-Xlog:aot*=error") if cache and cache.is_file() else ()


def _release(java: pathlib.Path) -> str:
    """What the runtime says of its build; another one cannot use these caches."""
    release = java.parents[1] / "release"
    return release.read_text(encoding="utf-8", errors="replace") if release.is_file() else ""
