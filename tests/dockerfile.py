"""A Dockerfile as a list of steps, and those steps carried out in a folder: a build without an engine.

Each stage gets a folder that stands for its root. Absolute paths of the image are written into that folder; what needs
rights (making the user, giving folders to it) is left out, and nothing else. What is compiled is taken from here where
it is the same.
"""

import asyncio
import json
import os
import pathlib
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from typing import Any, cast

from numba.core.caching import UserProvidedCacheLocator

OF_THE_IMAGE = re.compile(r"(?:(?<=file://)|(?<![\w.}/-]))/(environment|app|var|requirements\.lock)\b")
NEEDS_RIGHTS = ((r"^useradd [^&]*&& ", ""), (r" -o adjudge\b", ""))
INHERITED = re.compile(r"(PYTHON|ADJUDGE_|NUMBA_|VIRTUAL_ENV$)")
STEP_S_MAX = 200
WARMING = "python -m engine.warming"


def steps(text: str) -> list[str]:
    """Each instruction on one line, without comments."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line.strip()]


class BuildError(Exception):
    """A step that ended with a status other than 0."""


class Image:
    """The last stage, built. ``settings``: the image's environment, with its paths in the folder."""

    def __init__(self, context: pathlib.Path, folder: pathlib.Path) -> None:
        self._context = context
        self._folder = folder
        self._stages: dict[str, pathlib.Path] = {}
        self._root = folder
        self._workdir = "/"
        self.settings: dict[str, str] = {}
        self.entrypoint: list[str] = []
        self.command: list[str] = []
        self._python = self._outer_python()

    async def build(self) -> None:
        """Carry out every step. Raises BuildError for one that fails, KeyError for one that is not known."""
        carry_out = {
            "FROM": self._from, "ENV": self._env, "COPY": self._copy, "WORKDIR": self._enter,
            "ENTRYPOINT": self._set_entrypoint, "CMD": self._set_command,
            "USER": self._told_elsewhere, "VOLUME": self._told_elsewhere, "EXPOSE": self._told_elsewhere,
        }  # fmt: skip
        for step in steps((self._context / "Dockerfile").read_text("utf-8")):
            kind, _, rest = step.partition(" ")
            if kind == "RUN":
                if rest.strip() == WARMING:
                    self._take_what_is_compiled()
                await self._run(rest.strip())
            else:
                carry_out[kind](rest.strip())

    def arguments(self, command: str) -> list[str]:
        """A service's command line, as it would run in the image."""
        return [shutil.which(self.entrypoint[0], path=self._path()) or "", *self.entrypoint[1:], *shlex.split(command)]

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a process in the image sees, and nothing of this one's."""
        return {**self.settings, "PATH": self._path(), "HOME": "/nonexistent", **(more or {})}

    @property
    def workdir(self) -> pathlib.Path:
        """Where processes start."""
        return self._root / self._workdir.lstrip("/")

    def here(self, text: str) -> str:
        """The text with the image's absolute paths as paths of the folder."""
        return OF_THE_IMAGE.sub(lambda found: f"{self._root}{found[0]}", text)

    def _from(self, rest: str) -> None:
        base, *name = rest.split(" AS ")
        self._root = self._folder / (name[0] if name else "image")
        self._root.mkdir()
        self._stages[name[0] if name else base] = self._root
        self._workdir, self.settings = "/", {}

    def _env(self, rest: str) -> None:
        words = dict(word.split("=", 1) for word in rest.split())
        self.settings |= {name: self.here(text.replace(":$PATH", "")) for name, text in words.items()}

    def _copy(self, rest: str) -> None:
        *options, source, target = rest.split()
        place = (self._root if target.startswith("/") else self.workdir) / target.lstrip("/")
        origin = self._stages[options[0].removeprefix("--from=")] if options else self._context
        found = origin / source.lstrip("/")
        if found.is_file():
            shutil.copy2(found, place / found.name if place.is_dir() else place)
        elif options:
            # A virtual environment knows its own place; in an image both stages have it at the same one.
            place.symlink_to(found, target_is_directory=True)
        else:
            shutil.copytree(found, place, ignore=shutil.ignore_patterns("__pycache__"))

    def _take_what_is_compiled(self) -> None:
        """Compiled code as it lies beside the modules here, for the image's modules are the same: the step that compiles takes
        some forty seconds, and has been carried out before any test is run. What is not the same it compiles again.
        """
        cache = pathlib.Path(self.settings["NUMBA_CACHE_DIR"])
        for folder in (self._context / "engine").rglob("__pycache__"):
            module = self.workdir / folder.parent.relative_to(self._context) / "module.py"
            place = cache / cast("Any", UserProvidedCacheLocator).get_suitable_cache_subpath(str(module))
            place.mkdir()
            for kept in folder.glob("*.nb?"):
                shutil.copy2(kept, place)

    async def _run(self, rest: str) -> None:
        for pattern, replacement in NEEDS_RIGHTS:
            rest = re.sub(pattern, replacement, rest)
        inherited = {name: text for name, text in os.environ.items() if not INHERITED.match(name)}
        cached = {name: text for name, text in self.settings.items() if name != "PIP_NO_CACHE_DIR"}
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-ec",
            self.here(re.sub(r"\s+", " ", rest)),
            cwd=self.workdir,
            env={**inherited, **cached, "PATH": self._path()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(STEP_S_MAX):
            told, _ = await child.communicate()
        if child.returncode:
            raise BuildError(f"RUN {rest} ended with {child.returncode}: {told.decode(errors='replace')}")

    def _enter(self, rest: str) -> None:
        self._workdir = rest
        self.workdir.mkdir(parents=True, exist_ok=True)

    def _set_entrypoint(self, rest: str) -> None:
        self.entrypoint = _words(rest)

    def _set_command(self, rest: str) -> None:
        self.command = _words(rest)

    def _told_elsewhere(self, rest: str) -> None:
        """What only an engine can do: tests/unit/test_containers.py reads it."""

    def _path(self) -> str:
        return ":".join([*self.settings.get("PATH", "").split(":"), str(self._python), "/usr/bin", "/bin"]).lstrip(":")

    def _outer_python(self) -> pathlib.Path:
        """A folder with the Python that runs the tests, in place of the base image's."""
        folder = self._folder / "bin"
        folder.mkdir(parents=True)
        (folder / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
        (folder / "python").chmod(0o755)
        return folder


def _words(text: str) -> list[str]:
    words: list[str] = json.loads(text)
    return words
