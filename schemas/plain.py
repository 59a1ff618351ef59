"""Plain JSON that is kept for the engine to read: conditions. Checked only for what no reader could hold."""

from schemas.errors import SchemaError
from schemas.limits import PLAIN_DEPTH_MAX

INT64 = range(-(2**63), 2**63)


def check_plain(obj: object, field: str, depth: int = 1) -> None:
    """Raise SchemaError for integers beyond int64 and for objects and lists nested too deeply."""
    if isinstance(obj, int) and obj not in INT64:
        raise SchemaError(field, "is an integer beyond 64 bits", "use a text")
    if not isinstance(obj, dict | list):
        return
    if depth > PLAIN_DEPTH_MAX:
        raise SchemaError(field, "is nested too deeply", f"at most {PLAIN_DEPTH_MAX} levels are read")
    if isinstance(obj, dict):
        for key, inner in obj.items():
            check_plain(inner, f"{field}.{key}", depth + 1)
    else:
        for number, inner in enumerate(obj):
            check_plain(inner, f"{field}[{number}]", depth + 1)
