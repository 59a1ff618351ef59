"""What the published schemas of VAST ask of the one kind of document that is written here, as facts and checks.

The schemas themselves may not be copied. Of each version's this holds what can occur in an inline ad with one linear
creative: the order of elements, how often each may occur, and attributes with their shapes.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

NAMESPACE: Final = "{http://www.iab.com/VAST}"
TEXT: Final = r".*"
NUMBER: Final = r"[0-9]+"
TIME: Final = r"(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]|24:00:00)"  # xs:time
ADDRESS: Final = r"\S+"  # xs:anyURI, and never an empty one
ONE: Final = (1, 1)
OPTIONAL: Final = (0, 1)
SOME: Final = (1, 1_000)
ANY: Final = (0, 1_000)

Children = Sequence[tuple[str, tuple[int, int]]]

_FILES: Final[Children] = [("MediaFile", SOME)]
_OLD: Final[Mapping[str, Children]] = {
    "VAST": [("Ad", ONE)],
    "Ad": [("InLine", ONE)],
    "InLine": [("AdSystem", ONE), ("AdTitle", ONE), ("Impression", SOME), ("Creatives", ONE)],
    "Creatives": [("Creative", SOME)],
    "Creative": [("Linear", ONE)],
    "Linear": [("Duration", ONE), ("TrackingEvents", OPTIONAL), ("VideoClicks", OPTIONAL), ("MediaFiles", ONE)],
    "TrackingEvents": [("Tracking", ANY)],
    "VideoClicks": [("ClickThrough", OPTIONAL), ("ClickTracking", ANY)],
    "MediaFiles": _FILES,
}
_VERSION_4_0: Final[Mapping[str, Children]] = {
    **_OLD,
    "InLine": [("AdSystem", ONE), ("Impression", SOME), ("AdTitle", ONE), ("Creatives", ONE)],
    "Creative": [("Linear", ONE), ("UniversalAdId", ONE)],
    "Linear": [("TrackingEvents", OPTIONAL), ("Duration", ONE), ("MediaFiles", ONE), ("VideoClicks", OPTIONAL)],
    "VideoClicks": [("ClickTracking", ANY), ("ClickThrough", OPTIONAL)],
}
_VERSION_4_1: Final[Mapping[str, Children]] = {
    **_VERSION_4_0,
    "InLine": [("AdSystem", ONE), ("Impression", SOME), ("AdServingId", ONE), ("AdTitle", ONE), ("Creatives", ONE)],
}
CHILDREN: Final = {"2.0": _OLD, "3.0": _OLD, "4.0": _VERSION_4_0, "4.1": _VERSION_4_1, "4.2": _VERSION_4_1}

EVENTS: Final = "start|firstQuartile|midpoint|thirdQuartile|complete|mute|unmute|pause|resume"
# Attributes of an element: pattern, and whether it is required.
_ATTRIBUTES_3: Final[Mapping[str, Mapping[str, tuple[str, bool]]]] = {
    "VAST": {"version": (TEXT, True)},
    "Ad": {"id": (TEXT, False)},
    "AdSystem": {"version": (TEXT, False)},
    "Creative": {"AdID": (TEXT, False)},
    "Linear": {"skipoffset": (r"\d{2}:[0-5]\d:[0-5]\d(\.\d\d\d)?", False)},
    "Tracking": {"event": (f"{EVENTS}|skip", True)},
    "MediaFile": {
        "delivery": ("streaming|progressive", True),
        "type": (TEXT, True),
        "width": (NUMBER, True),
        "height": (NUMBER, True),
        "bitrate": (NUMBER, False),
    },
}
_ATTRIBUTES_2: Final = {**_ATTRIBUTES_3, "Linear": {}, "Tracking": {"event": (EVENTS, True)}}
_ATTRIBUTES_4: Final = {
    **_ATTRIBUTES_3,
    "Creative": {"adId": (TEXT, False)},
    "UniversalAdId": {"idRegistry": (TEXT, True)},
}
_ATTRIBUTES_4_0: Final = {**_ATTRIBUTES_4, "UniversalAdId": {"idRegistry": (TEXT, True), "idValue": (TEXT, True)}}
ATTRIBUTES: Final[Mapping[str, Mapping[str, Mapping[str, tuple[str, bool]]]]] = {
    "2.0": _ATTRIBUTES_2,
    "3.0": _ATTRIBUTES_3,
    "4.0": _ATTRIBUTES_4_0,
    "4.1": _ATTRIBUTES_4,
    "4.2": _ATTRIBUTES_4,
}
TEXTS: Final = {
    "Duration": TIME,
    "Impression": ADDRESS,
    "Tracking": ADDRESS,
    "ClickThrough": ADDRESS,
    "ClickTracking": ADDRESS,
    "MediaFile": ADDRESS,
    "AdSystem": TEXT,
    "AdTitle": TEXT,
    "AdServingId": TEXT,
    "UniversalAdId": TEXT,
}


def faults(text: str) -> list[str]:
    """What the schema of the document's own version would refuse. Raises ParseError for what is no XML."""
    root = ET.fromstring(text.encode())
    version = root.get("version", "")
    space = NAMESPACE if version.startswith("4") else ""
    if version not in CHILDREN or root.tag != f"{space}VAST":
        return [f"no VAST: {root.tag} of version {version!r}"]
    return list(_faults(root, version, space))


def _faults(element: ET.Element, version: str, space: str) -> Iterator[str]:
    name = element.tag.removeprefix(space)
    yield from _faults_of_attributes(element, name, ATTRIBUTES[version].get(name, {}))
    allowed = CHILDREN[version].get(name)
    if allowed is None:
        if len(element) or not re.fullmatch(TEXTS.get(name, "(?!)"), element.text or "", re.DOTALL):
            yield f"{name} cannot hold {element.text!r}"
        return
    if (element.text or "").strip():
        yield f"{name} holds text"
    found = [child.tag.removeprefix(space) for child in element]
    places = [child for child, _ in allowed]
    if any(child not in places for child in found) or found != sorted(found, key=places.index):
        yield f"{name} holds {found}"
    for child, (least, most) in allowed:
        if not least <= found.count(child) <= most:
            yield f"{name} holds {found.count(child)} {child}"
    for child_element in element:
        yield from _faults(child_element, version, space)


def _faults_of_attributes(element: ET.Element, name: str, allowed: Mapping[str, tuple[str, bool]]) -> Iterator[str]:
    for attribute, value in element.attrib.items():
        if not re.fullmatch(allowed.get(attribute, ("(?!)", False))[0], value, re.DOTALL):
            yield f"{name} cannot have {attribute}={value!r}"
    for attribute, (_, required) in allowed.items():
        if required and attribute not in element.attrib:
            yield f"{name} lacks {attribute}"
