"""Which videos a slot can show, for the oracle of decisions: OpenRTB 2.6, 3.2.7, read from plain JSON.

Two questions with two reasons: is it of a kind that the player plays at all, and is it as long, as large and as fast as
asked for? A number that is absent or 0 asks for nothing.
"""

from fractions import Fraction
from typing import Any, Final

Json = dict[str, Any]

WRITTEN: Final = {2, 3, 7, 11, 13}  # VAST 2.0, 3.0, 4.0, 4.1, 4.2: what is written for files
SKIPPABLE: Final = 16  # AdCOM, List: Creative Attributes
DELIVERIES: Final = {"streaming": 1, "progressive": 2}  # AdCOM, List: Delivery Methods
PLCMT_OF_PLACEMENT: Final = {1: 1, 2: 4, 3: 4, 4: 4, 5: 3}  # the deprecated list: in-stream, standalone, interstitial


def plays(video: Json, form: Json, api: set[int]) -> bool:
    """Whether the player plays anything of the kind."""
    versions = {*form.get("protocols", ())}
    if "markup" not in form:
        versions = versions & WRITTEN if versions else WRITTEN
    where = video.get("plcmt") or PLCMT_OF_PLACEMENT.get(video.get("placement", 0))
    skippable = "skip_after_s" in form
    return (
        api <= {*video.get("api", ())}
        and video.get("linearity") != 2
        and (not form.get("plcmt") or where in form["plcmt"])
        and not (skippable and (video.get("skip") == 0 or SKIPPABLE in video.get("battr", ())))
        and (bool(versions & {*video["protocols"]}) if video.get("protocols") else bool(versions) or "markup" in form)
        and any(of_the_kind(video, file) for file in files_of(form))
    )


def suits(video: Json, form: Json) -> bool:
    """Whether it is as long as asked for, and one of its files as large and as fast."""
    seconds = form["duration_s"]
    return (
        seconds >= video.get("minduration", 0)
        and (not video.get("maxduration") or seconds <= video["maxduration"])
        and (not video.get("rqddurs") or seconds in video["rqddurs"])
        and any(of_the_kind(video, file) and fills(video, file) for file in files_of(form))
    )


def files_of(form: Json) -> list[Json]:
    """The files that can be shown, or the one thing that a markup is said to be."""
    if "markup" in form:
        return [form]
    return [one for one in (form, *form.get("files", ())) if {"url", "mime", "w", "h"} <= {*one}]


def of_the_kind(video: Json, file: Json) -> bool:
    delivery = DELIVERIES[file.get("delivery", "progressive")]
    return (not video.get("mimes") or file.get("mime") in video["mimes"]) and (
        not video.get("delivery") or delivery in video["delivery"]
    )


def fills(video: Json, file: Json) -> bool:
    """A bitrate that is not told is not an allowed one; without boxing only the player's own ratio."""
    speed = file.get("bitrate_kbps", 0)
    if video.get("minbitrate") and speed < video["minbitrate"]:
        return False
    if video.get("maxbitrate") and not 0 < speed <= video["maxbitrate"]:
        return False
    if video.get("boxingallowed", 1) or not (video.get("w") and video.get("h")):
        return True
    return "w" in file and "h" in file and Fraction(file["w"], file["h"]) == Fraction(video["w"], video["h"])
