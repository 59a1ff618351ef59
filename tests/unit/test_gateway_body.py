"""What gateways unpack, and what they do not."""

import gzip

import pytest

from consumers.gateway_body import GZIP_MEMBERS_MAX, RefusedError, unpacked


def test_members_are_unpacked_to_one_text_up_to_their_limit() -> None:
    members = [gzip.compress(b"%d," % number) for number in range(GZIP_MEMBERS_MAX)]
    assert unpacked(b"".join(members)) == b"0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,"


def test_more_members_than_any_packer_makes_are_refused() -> None:
    with pytest.raises(RefusedError, match="more than 16 members of gzip") as refused:
        unpacked(gzip.compress(b"") * (GZIP_MEMBERS_MAX + 1))
    assert (refused.value.status, refused.value.word) == (400, "gzip")
