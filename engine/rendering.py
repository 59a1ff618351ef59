"""What a feed needs to show a winning ad: markup, native JSON or VAST, trackers and landing page, macros replaced.

Most of a markup is the same in every decision. So an ad is prepared once for a kind of slot, its macros left where they
are, and a decision fills them in. That comes to the same as writing it anew: both escape letter by letter.
"""

import functools
from collections.abc import Callable, Mapping

import msgspec

from engine.limits import DOCUMENT_KEPT_CHARS_MAX
from engine.macros import (
    CLICK_URL,
    IMPRESSION_ID,
    UNREPLACED,
    MacroFacts,
    MacroValues,
    Template,
    has_macros,
    substitute,
    substitute_all,
    template,
)
from engine.native_rendering import native_markup, shown_native
from engine.vast import escaped
from engine.video_rendering import ShownVideo, shown_video, title_of, video_markup
from schemas.entities import Ad, BannerFormat, Format, NativeFormat, VideoFormat
from schemas.native import NativeRequest
from schemas.openrtb import Video

Write = Callable[[str, Mapping[str, str]], str]  # a markup, by the impression's id and the values of macros


class Rendered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """``markup``: for ``bid.adm``. The others are for feeds that fire trackers themselves; in native ads and in VAST
    that is written for files they also stand inside the markup, in banners and markups of the buyer's they do not.
    """

    markup: str
    landing_url: str | None
    impression_trackers: tuple[str, ...]
    click_trackers: tuple[str, ...]


class Prepared(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An ad in one of its formats for a kind of slot, as far as no decision changes it.

    ``document``: what ``write`` gives, with its macros; None where it is written anew each time. ``escape``: how an address
    stands in it. ``video``: how a video is shown, None of all else.
    """

    ad: Ad
    write: Write
    document: Template | None
    escape: Callable[[str], str]
    video: ShownVideo | None


def prepare(form: Format, ad: Ad, native: NativeRequest | None, video: Video | None) -> Prepared:
    """Prepare a format of an ad. ``native``: the imp's native request, for a native format; ``video``: its player.

    Raises ValueError for a format that no slot can have been given: a native ad without a request, or a video without
    a player.
    """
    if isinstance(form, BannerFormat):
        return _prepared(ad, functools.partial(_substituted, form.markup), str)
    if isinstance(form, NativeFormat) and native is not None:
        answers = shown_native(form, ad, native)
        # A document in the document would be escaped twice, and a version is no place for macros.
        anew = answers.has_videos or has_macros(native.ver)
        return _prepared(ad, functools.partial(native_markup, answers, ad), _in_json, anew=anew)
    if isinstance(form, VideoFormat) and video is not None:
        shown = shown_video(form, video)
        if form.markup is not None:
            return _prepared(ad, functools.partial(_substituted, form.markup), str, video=shown)
        anew = has_macros(title_of(ad))  # nor is a title
        return _prepared(ad, functools.partial(video_markup, shown, ad), escaped, video=shown, anew=anew)
    raise ValueError(f"a format of type {form.type} cannot be rendered for this imp")


def _prepared(
    ad: Ad, write: Write, escape: Callable[[str], str], *, video: ShownVideo | None = None, anew: bool = False
) -> Prepared:
    text = write(UNREPLACED[IMPRESSION_ID], UNREPLACED)
    kept = not anew and len(text) <= DOCUMENT_KEPT_CHARS_MAX
    return Prepared(ad=ad, write=write, document=template(text) if kept else None, escape=escape, video=video)


def render(prepared: Prepared, facts: MacroFacts) -> Rendered:
    """Fill in what a decision says."""
    ad, values = prepared.ad, MacroValues(facts)
    landing_url = None if ad.landing_url is None else substitute(ad.landing_url, values)
    values.lead_to(landing_url or "")
    return Rendered(
        landing_url=landing_url,
        impression_trackers=substitute_all(ad.impression_trackers, values),
        click_trackers=substitute_all(ad.click_trackers, values),
        markup=_markup(prepared, values),
    )


def _markup(prepared: Prepared, values: MacroValues) -> str:
    document, impression_id = prepared.document, values.facts.impression_id
    # VAST names the impression as it is; where that is not how its macro does, the document does not help.
    if document is None or (prepared.video is not None and values[IMPRESSION_ID] != impression_id):
        return prepared.write(impression_id, values)
    values[CLICK_URL] = prepared.escape(values[CLICK_URL])  # all other values are safe anywhere
    return document.filled(values)


def _substituted(markup: str, _impression_id: str, values: Mapping[str, str]) -> str:
    """A markup that the buyer wrote."""
    return substitute(markup, values)


def _in_json(text: str) -> str:
    """A text as it stands between the quotes of JSON."""
    return msgspec.json.encode(text).decode()[1:-1]
