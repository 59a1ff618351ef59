"""The one door to the compiler: numba behind types.

Compiled code is integer code, so that it gives the same bits on every machine (D6). What was compiled is kept beside
its module from run to run. The compiler sees there that the module itself has changed, and nothing of what the module
takes from others; so the text of all of them is part of the key.
"""

import hashlib
import importlib.util
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

# Modules of compiled functions, and those they take numbers from; this one says how they are compiled.
MODULES: Final = (
    "engine.compiled",
    "engine.limits",
    "engine.reasons",
    "engine.layout",
    "engine.targeting.words",
    "engine.scan",
    "engine.auctions.standing",
    "engine.auctions.ranking",
    "engine.auctions.losers",
    "engine.contending",
    "engine.auctions.vcg_search",
    "engine.auctions.vcg_shortlist",
)

P = ParamSpec("P")
R = TypeVar("R")


def fingerprint(modules: tuple[str, ...] = MODULES) -> str:
    """A digest of the modules' texts."""
    digest = hashlib.blake2b(digest_size=16)
    for module in modules:
        spec = importlib.util.find_spec(module)
        loader = cast("Any", spec.loader if spec else None)
        digest.update((loader.get_source(module) or "").encode())
    return digest.hexdigest()


_FINGERPRINT: Final = fingerprint()


_UNTYPED: Final = cast("Any", numba)  # what is used of it below has no types


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function, compiled at its first call. Nothing is raised inside: there is no check of bounds or divisors.

    It works on the caller's arrays and makes none: without reference counts a row is checked four times as fast.
    """
    dispatcher = _UNTYPED.njit(error_model="numpy", forceinline=True, _nrt=False)(function)
    try:
        kept = cast("Any", FunctionCache)(function)
    except RuntimeError:  # no folder can be written to: it is compiled at each start
        return cast("Callable[P, R]", dispatcher)
    key_of = kept._index_key
    kept._index_key = lambda signature, target: (*key_of(signature, target), _FINGERPRINT)
    dispatcher._cache = kept
    return cast("Callable[P, R]", dispatcher)
