"""What ``adjudge doctor`` says: one finding a check, ok or not, and how to mend it."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

from scripts.error_texts import explain

State = Literal["ok", "warning", "problem"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``check``: what was looked at; ``text``: what is so; ``fix``: what to do, empty when all is well."""

    check: str
    state: State
    text: str
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check=check, state="ok", text=text)


def warning(check: str, text: str, fix: str) -> Finding:
    """It works, and may not for long, or not as one expects."""
    return Finding(check=check, state="warning", text=text, fix=fix)


def problem(check: str, text: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(check=check, state="problem", text=text, fix=fix)


async def bounded(check: str, seconds: float, look: Awaitable[Sequence[Finding]], *, fix: str) -> list[Finding]:
    """What a check finds; one that takes too long or fails is a problem, and never ends the others."""
    try:
        async with asyncio.timeout(seconds):
            (found,) = await asyncio.gather(look, return_exceptions=True)
    except TimeoutError:
        return [problem(check, f"no answer within {seconds:g} s", fix)]
    return [problem(check, explain(found), fix)] if isinstance(found, BaseException) else list(found)


async def in_thread(checks: Mapping[str, Callable[[], Finding]]) -> list[Finding]:
    """Findings of checks, by name, that look at files and processes; what cannot be looked at is a problem of its own."""
    return list(await asyncio.gather(*(asyncio.to_thread(_looked, name, look) for name, look in checks.items())))


def _looked(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except OSError as error:
        return problem(name, f"cannot be looked at: {explain(error)}", "let who runs Adjudge read it, with its folders")
