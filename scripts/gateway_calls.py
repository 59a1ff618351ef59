"""Sample traffic by HTTP: the feed's requests as calls of a gateway, at a rate, whatever the answers."""

import asyncio
import collections
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Final

import aiohttp

from consumers.gateway import NBR_HEADER, PATH
from schemas.codes import Nbr
from scripts.feed_simulation import Sent

OPEN_MAX: Final = 500  # calls at a time; then the next one waits, and the rate is not kept
CALL_S_MAX: Final = 5.0  # a gateway answers within tmax, 3 s at most
UNANSWERED: Final = "none"
TIMED_OUT: Final = "timed_out"
NO_BID: Final = 204
UNTIMELY: Final = str(int(Nbr.INSUFFICIENT_TIME))


class Calls:
    """``answers``: how many calls got which HTTP status.

    ``none`` where nobody answered in time; ``timed_out`` where the gateway did, and had no result within ``tmax``.
    """

    def __init__(self, gateway: str) -> None:
        self._url = urllib.parse.urljoin(gateway, PATH)
        self._room = asyncio.Semaphore(OPEN_MAX)
        self.answers: collections.Counter[str] = collections.Counter()

    async def paced(self, traffic: Iterable[Sent], *, rate: int, progress: Callable[[int], None]) -> None:
        """Call once for each request, at a rate a second; returns when all are answered."""
        loop = asyncio.get_running_loop()
        limit = aiohttp.ClientTimeout(total=CALL_S_MAX)
        async with aiohttp.ClientSession(timeout=limit) as http, asyncio.TaskGroup() as tasks:
            due = loop.time()
            for sent in traffic:
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - loop.time()))
                await self._room.acquire()
                tasks.create_task(self._call(http, sent.value))
                progress(self.answers.total())

    async def _call(self, http: aiohttp.ClientSession, body: bytes) -> None:
        try:
            async with http.post(self._url, data=body, headers={"Content-Type": "application/json"}) as response:
                await response.read()
                self.answers[_outcome(response)] += 1
        except (aiohttp.ClientError, TimeoutError):
            self.answers[UNANSWERED] += 1
        finally:
            self._room.release()


def _outcome(response: aiohttp.ClientResponse) -> str:
    """Every no-bid tells its reason: a 204 without one, or for want of time, is a result that did not come."""
    late = response.status == NO_BID and response.headers.get(NBR_HEADER, UNTIMELY) == UNTIMELY
    return TIMED_OUT if late else str(response.status)
