"""Advertiser domains and lists of them, as OpenRTB 2.6 has them in ``badv`` and ``wadomain``."""

from collections.abc import Collection


def domain_listed(domain: str, listed: Collection[str]) -> bool:
    """Whether a list names a domain, or one that it is part of; all in lower case."""
    return domain in listed or any(domain[dot + 1 :] in listed for dot, char in enumerate(domain) if char == ".")
