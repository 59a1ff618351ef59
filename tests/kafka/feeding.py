"""Requests, clients and engines as the tests of the feed client and of the gateway use them."""

from typing import Any

from consumers.settings import Settings
from tests.kafka.cluster import Cluster


def ad_request(request_id: str, user: str = "u1", **fields: Any) -> dict[str, Any]:
    """A request that the one ad of ``write_campaign`` fits."""
    return {
        "id": request_id,
        "imp": [{"id": "1", "banner": {"w": 300, "h": 250}, "secure": 1}],
        "site": {"domain": "feed.example"},
        "user": {"id": user},
        **fields,
    }


def engine_settings(cluster: Cluster, **more: str) -> Settings:
    """An engine that may reply."""
    return cluster.settings(ADJUDGE_REPLY_TOPICS=cluster.name("replies"), **more)


def feed_settings(cluster: Cluster, **more: str) -> Settings:
    return cluster.settings(ADJUDGE_GATEWAY_HTTP="127.0.0.1:0", **more)
