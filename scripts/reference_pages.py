"""The generated pages of docs/reference/, by their path below docs/."""

from collections.abc import Mapping
from typing import Any

from schemas.json_schema import json_schemas
from scripts.reference_limits import limits_page
from scripts.reference_messages import CONTROLS_HEAD, ENTITIES_HEAD, messages_page
from scripts.reference_process import metrics_page, settings_page
from scripts.reference_reasons import reasons_page
from scripts.topics_page import topics_page


def reference_pages(
    document: Mapping[str, Any], golden: Mapping[str, Mapping[str, Any]], events: str
) -> dict[str, str]:
    """Text by path. ``document``: the AsyncAPI one; ``golden``: records by message and kind; ``events``: docs/events.md."""
    known = json_schemas()
    return {
        "reference/controls.md": messages_page(CONTROLS_HEAD, known["control"], golden.get("control", {})),
        "reference/entities.md": messages_page(ENTITIES_HEAD, known["entity"], golden.get("entity", {})),
        "reference/limits.md": limits_page(),
        "reference/metrics.md": metrics_page(),
        "reference/reasons.md": reasons_page(events),
        "reference/settings.md": settings_page(),
        "reference/topics.md": topics_page(document),
    }
