"""The bits of consent and privacy strings: six a character of URL-safe base64 without padding, read from the left.

Source: IAB Tech Lab, "Global Privacy Platform String", Section Encoding, and "Consent string and vendor list formats
v2", The Core String.
"""

from typing import Final, TypeGuard

from engine.limits import FIBONACCI_BITS_MAX, PRIVACY_STRING_CHARS_MAX

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_BITS: Final = {letter: f"{value:06b}" for value, letter in enumerate(_ALPHABET)}


class UnreadableError(ValueError):
    """The string ends too early, or says what no version of its format does."""


def is_looked_at(string: object) -> TypeGuard[str]:
    """Whether it is a text, and not too long with all its segments: a thousand of the longest that are kept would take a gigabyte."""
    return isinstance(string, str) and len(string) <= PRIVACY_STRING_CHARS_MAX


class Bits:
    """A place in a row of bits, which moves on with every field that is read. Raises UnreadableError past the end."""

    def __init__(self, text: str) -> None:
        try:
            self._bits: Final = "".join([_BITS[letter] for letter in text[: PRIVACY_STRING_CHARS_MAX + 1]])
        except KeyError as error:
            raise UnreadableError(f"{error} is no letter of URL-safe base64") from error
        if len(text) > PRIVACY_STRING_CHARS_MAX:
            raise UnreadableError(f"has {len(text)} characters; at most {PRIVACY_STRING_CHARS_MAX} are read")
        self._place = 0

    def __len__(self) -> int:
        return len(self._bits)

    def skip(self, width: int) -> None:
        """Go past a field."""
        self._place += width
        if self._place > len(self._bits):
            raise UnreadableError(f"has {len(self._bits)} bits; a field ends at {self._place}")

    def number(self, width: int) -> int:
        """An integer of fixed width, the highest bit first."""
        start = self._place
        self.skip(width)
        return int(self._bits[start : self._place], 2)

    def fibonacci(self) -> int:
        """An integer from 1 in Fibonacci coding: each bit counts the next of 1, 2, 3, 5, 8, ...; the code ends with 11."""
        end = self._bits.find("11", self._place, self._place + FIBONACCI_BITS_MAX)
        if end < 0:
            raise UnreadableError(f"no number of at most {FIBONACCI_BITS_MAX} bits ends after bit {self._place}")
        total, here, following = 0, 1, 2
        for bit in self._bits[self._place : end + 1]:
            total += here if bit == "1" else 0
            here, following = following, here + following
        self._place = end + 2
        return total
