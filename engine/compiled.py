"""The one door to the compiler: numba behind types.

Compiled code is integer code, so that it gives the same bits on every machine (D6). What was compiled is kept beside
its module from run to run. The compiler sees there that the module itself has changed, and nothing of what the module
takes from others; so the name of what is kept holds a digest of the text of all of them. What another version kept is
never opened: it may name types that are gone.
"""

import contextlib
import hashlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, Final, ParamSpec, TypeVar, TypeVarTuple, cast

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.event import Listener, install_listener

# Modules of compiled functions, and those they take numbers from; this one says how they are compiled.
MODULES: Final = (
    "engine.compiled",
    "engine.limits",
    "schemas.limits",
    "engine.reasons",
    "engine.layout",
    "engine.models.sigmoid",
    "engine.auctions.base",
    "engine.targeting.words",
    "engine.scan",
    "engine.auctions.compiled_feasibility",
    "engine.auctions.ranking",
    "engine.auctions.losers",
    "engine.scan_and_rank",
    "engine.auctions.vcg_search",
    "engine.auctions.vcg_shortlist",
)

P = ParamSpec("P")
R = TypeVar("R")
Args = TypeVarTuple("Args")


def fingerprint(modules: tuple[str, ...] = MODULES) -> str:
    """A digest of the modules' texts."""
    digest = hashlib.blake2b(digest_size=16)
    for module in modules:
        spec = importlib.util.find_spec(module)
        loader = cast("Any", spec.loader if spec else None)
        digest.update((loader.get_source(module) or "").encode())
    return digest.hexdigest()


_FINGERPRINT: Final = fingerprint()
KEPT: Final = f"*.{_FINGERPRINT}.*.nbc"  # the names of files that this version keeps, beside those of others


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
    kept._cache_file = cast("Any", IndexDataCacheFile)(
        cache_path=kept.cache_path,
        filename_base=f"{kept._impl.filename_base}.{_FINGERPRINT}",
        source_stamp=kept._impl.locator.get_source_stamp(),
    )
    dispatcher._cache = kept
    return cast("Callable[P, R]", dispatcher)


class CompilingEndedError(BaseException):
    """Nobody wants what is being compiled any more. No Exception: the compiler takes those for faults of the code."""


class _While(Listener):
    """Looks before each function that is compiled; one takes a second or so."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted

    def on_start(self, _: object) -> None:
        if not self._wanted():
            raise CompilingEndedError

    def on_end(self, _: object) -> None:
        """Nothing to do."""


@contextlib.contextmanager
def compiling_while(wanted: Callable[[], bool]) -> Iterator[None]:
    """Compile within only for as long as it is wanted. Raises CompilingEndedError."""
    with install_listener("numba:compile", _While(wanted)):
        yield


def entry(function: Callable[[*Args], R]) -> Callable[[*Args], R]:
    """A compiled function for callers in Python that pass the same types at every call.

    The compiler's dispatcher asks every array for its type at every call: 15 us for the forty of a scan, 1 us without it. So
    the first call settles the types, and nobody asks again. All arrays must lie in C order: raises ValueError at the
    first call; for later ones the callers vouch, and a test holds them to it.
    """
    dispatcher, settled = cast("Any", function), cast("list[Callable[[*Args], R]]", [])

    def call(*args: *Args) -> R:
        if settled:
            return settled[0](*args)
        types = tuple(map(dispatcher.typeof_pyval, args))
        for own in _array_types(types):
            if own.layout != "C":
                raise ValueError(f"{dispatcher.__name__} was given an array that does not lie in C order: {own}")
        result = function(*args)
        settled.append(dispatcher.overloads[types].entry_point)
        return result

    return call


def _array_types(types: Any) -> Iterator[Any]:
    for one in types:
        if isinstance(one, numba.types.Array):
            yield one
        elif isinstance(one, numba.types.BaseTuple):
            yield from _array_types(one)
