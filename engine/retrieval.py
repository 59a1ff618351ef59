"""Retrieval: which rows of one part of the catalog may answer a question, and why the others may not (D9, D12).

Every check is a bitmap over the rows, kept where requests share it. Their conjunction leaves the candidates, which
a cursor hands out from the highest bound down. The same bitmaps, taken one after the other in the fixed order of
reasons, say why a contender is not a candidate.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.bitmaps import Words, pack, unpack
from engine.formats import FITS, FORMAT_MISMATCH, fits
from engine.pricing import Priced, Scores, category_blocked, domain_blocked, priced, score
from engine.question import Question, Slot
from engine.reasons import Reason
from engine.schedule import OFF_DAYPART, OUT_OF_FLIGHT
from engine.snapshot import Part

Rows = NDArray[np.int64]

_NO, _YES, _UNKNOWN = 0, 1, 2


class PartQuery:
    """One question put to one part of the catalog."""

    def __init__(self, part: Part, question: Question) -> None:
        self.part: Final = part
        self.segment: Final = part.segment
        self.question: Final = question
        self.columns: Final[Priced] = priced(self.segment, question.policy, question.controls)
        index = self.segment.index
        possible = index.candidates(question.attributes)
        self._targeting = np.where(possible, np.where(index.residual, _UNKNOWN, _YES), _NO).astype(np.int8)
        formats = [self._formats(slot) for slot in question.slots]
        self._of_kind: Final = self._any([of_kind for of_kind, _ in formats])
        self._of_size: Final = self._any([of_size for _, of_size in formats])
        # Rows that a slot's format, size and creative attributes admit, and those that are secure enough as well.
        self.slot_fits: Final = tuple(
            self._without_blocked_attributes(slot, of_size)
            for slot, (_, of_size) in zip(question.slots, formats, strict=True)
        )
        self.slot_secure: Final = tuple(
            fit & self._secure if slot.spec.secure else fit
            for slot, fit in zip(question.slots, self.slot_fits, strict=True)
        )
        self._request_checks: Final = tuple(self._early_checks()), tuple(self._late_checks())
        self.candidates: Final = functools.reduce(
            np.bitwise_and,
            (words for checks in self._request_checks for _, words in checks),
            part.alive & self.columns.standing & self.targeting(),
        )

    def checks(self) -> Iterator[tuple[Reason, Words]]:
        """Each check and the rows that pass it, in the order of reasons; the money checks are not among them.

        Where conditions are evaluated rather than indexed, the targeting bitmap holds what is not yet refuted.
        """
        columns, (early, late) = self.columns, self._request_checks
        yield from columns.own_checks
        yield from early[:2]  # flight and daypart
        yield Reason.BLOCKED_BY_POLICY, columns.allowed
        yield Reason.TARGETING, self.targeting()
        yield from early[2:]
        yield Reason.CURRENCY_UNAVAILABLE, columns.priced
        yield from late
        yield from columns.later_checks

    def _early_checks(self) -> Iterator[tuple[Reason, Words]]:
        """The request's own checks down to the currency."""
        in_flight, in_daypart = self._schedule()
        yield Reason.OUT_OF_FLIGHT, in_flight
        yield Reason.DAYPART, in_daypart
        if not self.question.personalised:
            yield Reason.PERSONAL_DATA_UNAVAILABLE, self._flag_absent("personal")
        if not self.question.adult:
            yield Reason.RESTRICTED_AUDIENCE, self._flag_absent("restricted")
        yield Reason.FORMAT_MISMATCH, self._of_kind
        yield Reason.SIZE_MISMATCH, self._of_size
        yield from self._blocklist_checks()
        yield Reason.BLOCKED_ATTRIBUTE, self._any(self.slot_fits)

    def _late_checks(self) -> Iterator[tuple[Reason, Words]]:
        """The request's own checks after the floor."""
        if any(slot.spec.secure for slot in self.question.slots):
            yield Reason.NOT_SECURE, self._any(self.slot_secure)
        if self.question.languages:
            yield Reason.LANGUAGE, self._language()

    def targeting(self) -> Words:
        """Rows whose targeting is not refuted yet."""
        return pack((self._targeting != _NO)[self.segment.condition])

    def settle_targeting(self, rows: Rows) -> NDArray[np.bool_]:
        """Evaluate the conditions of rows that the index left open; which of the rows match, bool of shape (rows,)."""
        codes = self.segment.condition[rows]
        open_codes = codes[self._targeting[codes] == _UNKNOWN]
        for code in dict.fromkeys(open_codes.tolist()):
            matched = self.segment.index.matches_one(code, self.question.attributes)
            self._targeting[code] = _YES if matched else _NO
        known: NDArray[np.bool_] = self._targeting[codes] == _YES
        return known

    def slot_mask(self, masks: Sequence[Words], rows: Rows) -> NDArray[np.bool_]:
        """Which rows each slot's bitmap holds: bool of shape (rows, slots)."""
        word, bit = rows >> 6, (rows & 63).astype(np.uint64)
        return np.stack([(mask[word] >> bit & np.uint64(1)).astype(np.bool_) for mask in masks], axis=1)

    def score(self, rows: Rows) -> Scores:
        """The values of rows for this question."""
        return score(self.segment, self.columns, rows, self.question)

    def candidate_rows(self, tier_group: int) -> Rows:
        """Rows of a tier group that pass all but what is evaluated, the highest bound first."""
        order = self.columns.order[tier_group]
        return order[unpack(self.candidates, len(self.segment))[order]]

    def of_tier(self, tier_group: int) -> Words:
        """Rows in force of a tier group."""
        return (
            self.segment.cached(("tier", tier_group), lambda: pack(self.segment.numbers["tier_group"] == tier_group))
            & self.part.alive
        )

    def contenders(self, tier_group: int, line: int) -> Words:
        """Rows in force of a tier group whose bound, with the greatest user value, reaches ``line`` (D12)."""
        reach = self.columns.bound >= line - self.columns.user_value_max_nanos
        return pack(reach) & self.of_tier(tier_group)

    def _schedule(self) -> tuple[Words, Words]:
        """Rows in flight, and rows on an hour they serve; kept until the next instant at which any changes."""
        segment, now_ms = self.segment, self.question.now_ms
        held = segment.schedule_cache
        if held is None or not held[0] <= now_ms < held[1]:
            state = segment.schedules.state(now_ms)
            values = state.values
            bitmaps = segment.schedule.gather(values != OUT_OF_FLIGHT), segment.schedule.gather(values != OFF_DAYPART)
            held = segment.schedule_cache = (state.from_ms, state.until_ms, bitmaps)
        return held[2]

    def _blocklist_checks(self) -> Iterator[tuple[Reason, Words]]:
        question, segment = self.question, self.segment
        if question.bcat:
            key = ("bcat", question.cattax, question.bcat)
            bcat = frozenset(question.bcat)
            categories = segment.categories
            yield (
                Reason.BLOCKED_CATEGORY,
                segment.cached(
                    key, lambda: categories.bitmap(lambda own: not category_blocked(own, question.cattax, bcat))
                ),
            )
        if question.badv:
            badv = frozenset(question.badv)
            adomain = segment.names("adomain")
            yield (
                Reason.BLOCKED_ADOMAIN,
                segment.cached(
                    ("badv", question.badv), lambda: adomain.bitmap(lambda own: not domain_blocked(own, badv))
                ),
            )

    def _formats(self, slot: Slot) -> tuple[Words, Words]:
        """Rows with a format of the slot's kind, and those of them that fit its size and assets as well."""
        segment = self.segment

        def make() -> tuple[Words, Words]:
            codes = np.array([fits(slot.spec, formats) for formats in segment.formats.values], np.int8)
            return segment.formats.gather(codes != FORMAT_MISMATCH), segment.formats.gather(codes == FITS)

        return segment.cached(("format", slot.spec.shape), make)

    def _without_blocked_attributes(self, slot: Slot, fit: Words) -> Words:
        if not slot.spec.battr:
            return fit
        battr = frozenset(slot.spec.battr)
        return fit & self.segment.cached(("battr", slot.spec.battr), lambda: self.segment.attr.bitmap(battr.isdisjoint))

    @property
    def _secure(self) -> Words:
        return self.segment.cached("secure", lambda: pack(self.segment.flags["secure"]))

    def _flag_absent(self, name: str) -> Words:
        return self.segment.cached(name, lambda: pack(~self.segment.flags[name]))

    def _language(self) -> Words:
        spoken = frozenset(self.question.languages)
        language = self.segment.text("language")
        return self.segment.cached(("language", self.question.languages), lambda: language.bitmap(spoken.__contains__))

    def _any(self, masks: Sequence[Words]) -> Words:
        return functools.reduce(np.bitwise_or, masks)
