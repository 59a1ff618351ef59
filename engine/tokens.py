"""The impression token: what an engagement needs to know of its impression, signed, so that nothing is looked up.

``BASE64URL(claim) . BASE64URL(HMAC-SHA256(key, claim))``, both without padding (RFC 2104, RFC 4648 section 5). The
feed treats it as opaque; it is signed, not secret. The claim is a JSON list whose first element is its format.
"""

import base64
import binascii
import functools
import hmac
from typing import Final

import msgspec

from engine.limits import TOKEN_CHARS_MAX, TOKEN_KEYS_KEPT

_FORMAT: Final = 1
_MARK: Final = b"."


class Claim(msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One impression. ``price_nanos`` of ``currency`` for each ``price_event``; a test is never charged."""

    impression_id: str
    line_item_id: str
    ad_id: str
    price_event: str
    price_nanos: int
    currency: str
    event_time_ms: int
    test: bool
    format: int = _FORMAT


_DECODER: Final = msgspec.json.Decoder(Claim)
_ENCODER: Final = msgspec.json.Encoder()
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def sign(key: bytes, claim: Claim) -> str:
    """The token of an impression; the same claim and key always give the same token."""
    body = _encode(_ENCODER.encode(claim))
    return (body + _MARK + _encode(_mac(key, body))).decode()


def verify(key: bytes, token: str) -> Claim | None:
    """The claim of a token that was signed with the key; None for anything else."""
    if len(token) > TOKEN_CHARS_MAX or not token.isascii():
        return None
    body, _, signature = token.encode().partition(_MARK)
    if not hmac.compare_digest(signature, _encode(_mac(key, body))):
        return None
    try:
        claim = _DECODER.decode(base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4)))
    except (binascii.Error, msgspec.MsgspecError):
        return None
    return claim if claim.format == _FORMAT else None


def _mac(key: bytes, body: bytes) -> bytes:
    mac = _keyed(key).copy()
    mac.update(body)
    return mac.digest()


@functools.lru_cache(maxsize=TOKEN_KEYS_KEPT)
def _keyed(key: bytes) -> hmac.HMAC:
    """The code of a key and no message yet, to be copied: taking in the key costs more than taking in a claim."""
    return hmac.new(key, digestmod="sha256")


def _encode(value: bytes) -> bytes:
    return binascii.b2a_base64(value, newline=False).translate(_URL_SAFE, b"=")
