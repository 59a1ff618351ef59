"""DSA transparency, written down slowly: which ads may serve, and what their bids say (docs/privacy.md)."""

from collections.abc import Iterable
from typing import Any, Final

Json = dict[str, Any]

PROFILE: Final = {
    "user": {"id", "buyeruid", "eids", "yob", "gender", "keywords", "kwarray", "customdata", "data", "ext"},
    "device": {"ifa", "didsha1", "didmd5", "dpidsha1", "dpidmd5", "macsha1", "macmd5", "ext"},
    "adjudge": {"segments", "interests", "keywords"},
}


def asked_dsa(request: Json) -> Json | None:
    """The request's object, where there is one."""
    regs = request.get("regs", {})
    ext = regs.get("ext", {}) if isinstance(regs, dict) else {}
    found = ext.get("dsa") if isinstance(ext, dict) else None
    return found if isinstance(found, dict) and found else None


def names(advertiser: Json) -> tuple[str, str]:
    said = advertiser.get("dsa") or {}
    name = advertiser.get("name", "")
    return said.get("behalf") or name, said.get("paid") or name


def told(advertiser: Json) -> bool:
    return all(1 <= len(name) <= 100 for name in names(advertiser))


def renders(advertiser: Json) -> bool:
    return bool((advertiser.get("dsa") or {}).get("renders"))


def gives_dsa(advertiser: Json, request: Json) -> bool:
    """Whether the ad can give what the request cannot do without."""
    asked = asked_dsa(request)
    if asked is None or asked.get("dsarequired", 0) < 2:
        return True
    return told(advertiser) and (asked.get("pubrender") != 0 or renders(advertiser))


def said_dsa(advertiser: Json, request: Json, paths: Iterable[str], domain: str) -> Json | None:
    """``ext.dsa`` of a bid."""
    asked = asked_dsa(request)
    if asked is None or not told(advertiser) or (asked.get("pubrender") == 0 and not renders(advertiser)):
        return None
    behalf, paid = names(advertiser)
    said: Json = {"behalf": behalf, "paid": paid}
    said["adrender"] = 1 if renders(advertiser) and asked.get("pubrender") != 2 else 0
    useless = asked.get("datatopub") == 0 and asked.get("pubrender") == 0
    said["transparency"] = (
        [] if useless else [{"domain": domain, "dsaparams": sorted({2}.union(*map(parameters, paths)))}]
    )
    return said


def parameters(path: str) -> set[int]:
    """1 profiling, 2 basic, 3 precise place: of the paths that the generated worlds read."""
    first, _, rest = path.partition(".")
    if path in ("user", "device"):
        return {1, 3}  # all of it, its geo among it
    return {1} if rest.partition(".")[0] in PROFILE.get(first, ()) else {2}
