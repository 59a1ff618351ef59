"""What gateways unpack, and what they do not."""

import errno
import gzip
import os
import types
from typing import Any

import pytest

from consumers.gateway_body import GZIP_MEMBERS_MAX, RefusedError, read_body, unpacked


def test_members_are_unpacked_to_one_text_up_to_their_limit() -> None:
    members = [gzip.compress(b"%d," % number) for number in range(GZIP_MEMBERS_MAX)]
    assert unpacked(b"".join(members)) == b"0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,"


def test_more_members_than_any_packer_makes_are_refused() -> None:
    with pytest.raises(RefusedError, match="more than 16 members of gzip") as refused:
        unpacked(gzip.compress(b"") * (GZIP_MEMBERS_MAX + 1))
    assert (refused.value.status, refused.value.word) == (400, "gzip")


class Broken:
    """A body whose connection ended with an error; whoever reads on after it does so for ever."""

    def __init__(self, error: OSError) -> None:
        self._error = error
        self._reads = 0

    def exception(self) -> OSError:
        return self._error

    async def readany(self) -> bytes:
        self._reads += 1
        assert self._reads == 1
        raise self._error


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.EHOSTUNREACH, errno.ETIMEDOUT])
async def test_a_caller_that_is_gone_is_no_error_of_ours_however_the_system_tells_it(number: int) -> None:
    request: Any = types.SimpleNamespace(
        headers={}, charset=None, content_length=9, protocol=None, content=Broken(OSError(number, os.strerror(number)))
    )
    with pytest.raises(RefusedError, match="hung up") as refused:
        await read_body(request)
    assert refused.value.word == "gone"
