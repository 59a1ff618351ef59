"""The body of a call: JSON, plain or packed by gzip, and never more of it than a request may have."""

import asyncio
import re
import zlib
from typing import Final

from aiohttp import HttpVersion11, web

from schemas.limits import REQUEST_BYTES_MAX

BODY_S_MAX: Final = 1.0  # for all of the body to come
LOOK_S: Final = 0.05  # between two looks whether a body that does not come is broken
GZIP_WINDOW: Final = 31  # zlib: a gzip head, and the largest window
GZIP_MEMBERS_MAX: Final = 16  # each copies the rest of the body; packers make one, parallel ones some
# The server's own reading of types, that of letters, fails on some texts and takes long for others.
_TYPE: Final = re.compile(r"\s*application/json\s*(?:;(?P<parameters>.*))?", re.IGNORECASE)
_CHARSET: Final = re.compile(r"""(?:^|;)\s*charset\s*=\s*"?(?P<charset>[^\s";]*)""", re.IGNORECASE)
_VERSION_MAJOR: Final = "2"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class RefusedError(Exception):
    """A call that is not answered with a result: the status, one word for metrics, and the reason for people."""

    def __init__(self, status: int, word: str, problem: str, *, field: str = "") -> None:
        super().__init__(problem)
        self.status = status
        self.word = word
        self.problem = problem
        self.field = field


async def read_body(request: web.Request) -> bytes:
    """The JSON text of a call. Raises RefusedError."""
    _check_head(request)
    await _ask_for_it(request)
    packed = await _read(request)
    return packed if _encoding(request) == "identity" else unpacked(packed)


def unpacked(packed: bytes) -> bytes:
    """What gzip packed, in one member or several (RFC 1952, 2.2). Raises RefusedError for what is none, or too much."""
    text = b""
    members = 0
    while packed:
        members += 1
        if members > GZIP_MEMBERS_MAX:
            raise RefusedError(400, "gzip", f"the body has more than {GZIP_MEMBERS_MAX} members of gzip")
        unpacker = zlib.decompressobj(GZIP_WINDOW)
        try:
            text += unpacker.decompress(packed, REQUEST_BYTES_MAX + 1 - len(text))
        except zlib.error as error:
            raise RefusedError(400, "gzip", f"the body is not gzip: {error}") from error
        if len(text) > REQUEST_BYTES_MAX:
            raise _too_large()
        if not unpacker.eof:
            raise RefusedError(400, "gzip", "the body ends within its gzip stream")
        packed = unpacker.unused_data
    return text


def _check_head(request: web.Request) -> None:
    _check_type(request.headers.get("Content-Type", "application/json"))  # none is taken for it (OpenRTB 2.6, 2.3)
    if _encoding(request) not in ("identity", "gzip", "x-gzip"):
        raise RefusedError(415, "content_encoding", "the content encoding must be gzip, or none")
    version = request.headers.get("x-openrtb-version", _VERSION_MAJOR).strip()
    if version.partition(".")[0] != _VERSION_MAJOR:
        raise RefusedError(
            400, "version", f"x-openrtb-version is {version[:20]!r}; 2.6 is spoken", field="x-openrtb-version"
        )
    if (request.content_length or 0) > REQUEST_BYTES_MAX:
        raise _too_large()


def _check_type(told: str) -> None:
    match = _TYPE.fullmatch(told)
    if match is None:
        raise RefusedError(415, "content_type", "the content type must be application/json")
    named = _CHARSET.search(match["parameters"] or "")
    if named and named["charset"].lower() not in ("utf-8", "utf8", ""):
        raise RefusedError(415, "content_type", "the text must be UTF-8")


async def _ask_for_it(request: web.Request) -> None:
    """Tell a caller that waits for it to send the body; before 1.1 none does (RFC 9110, 10.1.1)."""
    expected = request.headers.get("Expect", "").strip()
    if not expected or request.version < HttpVersion11:
        return
    if expected.lower() != "100-continue":
        raise RefusedError(417, "expectation", f"what is expected is {expected[:20]!r}; 100-continue can be")
    try:
        await request.writer.write(_CONTINUE)
    except OSError as error:
        raise _gone() from error
    request.writer.output_size = 0  # the answer has not begun: the server looks here


def _encoding(request: web.Request) -> str:
    return request.headers.get("Content-Encoding", "identity").strip().lower()


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S_MAX):
            while chunk := await _next_chunk(request):
                body += chunk
                if len(body) > REQUEST_BYTES_MAX:
                    raise _too_large()
    except TimeoutError:
        raise RefusedError(408, "slow_body", f"the body did not come within {BODY_S_MAX:g} s") from None
    return bytes(body)


async def _next_chunk(request: web.Request) -> bytes:
    """More of the body; nothing at its end.

    The server (aiohttp) does not tell those who read a body that its next chunk is none. It puts the error where the
    next call of the connection would be, which cannot come before this one's body has ended. Another version of it may
    keep that elsewhere; then the body is one that does not come.
    """
    while True:
        try:
            async with asyncio.timeout(LOOK_S):
                return await request.content.readany()
        except OSError as error:  # a time-out is one, too: that of LOOK_S, or of a connection
            if request.content.exception() is not None:
                raise _gone() from error
        if getattr(request.protocol, "_messages", ()):
            raise RefusedError(400, "chunk", "the body is not in chunks, as its head says")


def _gone() -> RefusedError:
    return RefusedError(499, "gone", "the caller has hung up")


def _too_large() -> RefusedError:
    return RefusedError(413, "too_large", f"a request has at most {REQUEST_BYTES_MAX} bytes, unpacked")
