"""``host:port`` as settings write it: names, IPv4, and IPv6 in brackets (RFC 3986, 3.2.2)."""

import ipaddress
import re
from typing import Final

PORT_MAX: Final = 65_535
_HOST: Final = re.compile(r"[^\s,:\[\]]+|\[([^\s,\[\]]+)\]")
_PORT: Final = re.compile(r"[0-9]{1,5}")


class NoAddressError(ValueError):
    """A text that is no ``host:port`` at all."""


def parse_address(text: str, *, port_min: int = 0) -> tuple[str, int]:
    """Host, without brackets, and port. Raises ValueError that says what is wrong."""
    written, _, port = text.rpartition(":")
    host = _HOST.fullmatch(written)
    if host is None or _PORT.fullmatch(port) is None:
        raise NoAddressError(f"{text!r} is no address")
    if host[1] is not None:
        try:
            ipaddress.IPv6Address(host[1])
        except ValueError as error:
            raise ValueError(f"{host[1]!r} is no IPv6 address") from error
    else:
        try:
            written.encode("idna")
        except UnicodeError as error:
            raise ValueError("a host's name has 1 to 63 letters between its dots (RFC 1035, 2.3.4)") from error
    if not port_min <= int(port) <= PORT_MAX:
        raise ValueError(f"a port is from {port_min} to {PORT_MAX}")
    return host[1] or written, int(port)


def format_address(host: str, port: int) -> str:
    """The text that ``parse_address`` reads."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
