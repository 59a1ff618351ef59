"""Who a request is, as its record on Kafka says: the id that its result comes back under, and the key that places it.

Read leniently as decisions read it (``schemas/repair.py``), and nothing else of it: whatever else is wrong with a
request is for the engine to answer.
"""

from typing import Final

import msgspec

from schemas.decoding import as_schema_error
from schemas.openrtb import BidRequest, Key, Part
from schemas.repair import repaired


class NamedUser(Part, frozen=True, kw_only=True):
    """3.2.20."""

    id: str | None = None


class NamedDevice(Part, frozen=True, kw_only=True):
    """3.2.18."""

    ifa: str | None = None


class NamedSession(Part, frozen=True, kw_only=True):
    """``ext.adjudge``."""

    session_id: str | None = None


class NamedExt(Part, frozen=True, kw_only=True):
    """``ext``."""

    adjudge: NamedSession = NamedSession()


class RequestName(Part, frozen=True, kw_only=True):
    """The ids of a request."""

    id: Key
    user: NamedUser = NamedUser()
    device: NamedDevice = NamedDevice()
    ext: NamedExt = NamedExt()


_NAME: Final = msgspec.json.Decoder(RequestName)


def request_key(request: BidRequest | RequestName, *, personalised: bool = True) -> bytes:
    """Key of a request's record: the user's id, else the device's, else the session's, else its own (docs/operations.md, Topics).

    Records of a request that is not ``personalised`` have none of the first two.

    >>> request_key(read_name(b'{"id":"r1","user":{"id":""},"device":{"ifa":"d1"}}'))
    b'd1'
    """
    personal = (request.user.id or request.device.ifa) if personalised else None
    return (personal or request.ext.adjudge.session_id or request.id).encode()


def read_name(value: bytes) -> RequestName:
    """The ids of a request's bytes. Raises SchemaError when they are no JSON object, or without a readable id."""
    try:
        return _NAME.decode(value)
    except msgspec.ValidationError:
        return repaired(value, RequestName)
    except (msgspec.MsgspecError, ArithmeticError, ValueError, RecursionError) as error:
        raise as_schema_error(error, RequestName) from error
