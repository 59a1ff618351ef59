"""A record of a broadcast topic that could not be taken in."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Where, at which field, and why; its dead letter is written by the owner of shard 0 (D13)."""

    offset: int
    field: str
    problem: str
