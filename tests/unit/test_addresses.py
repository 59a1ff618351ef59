"""Addresses as settings write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.addresses import PORT_MAX, format_address, parse_address

hosts = st.one_of(st.ip_addresses().map(str), st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True))


@given(hosts, st.integers(0, PORT_MAX))
def test_what_is_written_is_read(host: str, port: int) -> None:
    assert parse_address(format_address(host, port)) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "a", "a:", ":1", "a:x", "a:1:2", "[::1]", "[]:1", "[a]:1", "[::1]x:1", "a b:1", "a:-1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        parse_address(text)


@pytest.mark.parametrize("host", ["a..b", "..", "a" * 64, "\u00e4" * 60])
def test_a_name_that_cannot_be_looked_up_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="1 to 63 letters between its dots"):
        parse_address(f"{host}:1")


@pytest.mark.parametrize("host", ["a.", "a" * 63, "b\u00fccher.example", "under_scored"])
def test_a_name_that_can_be_looked_up_is_read(host: str) -> None:
    assert parse_address(f"{host}:1") == (host, 1)
