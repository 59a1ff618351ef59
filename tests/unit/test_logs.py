import json
import logging

import pytest
import structlog

from consumers.logs import configure_logging, mask_secrets
from consumers.settings import MASK


def test_values_under_telling_names_are_masked() -> None:
    event = {"event": "started", "sasl_password": "swordfish", "Authorization": "Bearer x", "topic": "requests"}
    assert mask_secrets(None, "info", event) == {
        "event": "started",
        "sasl_password": MASK,
        "Authorization": MASK,
        "topic": "requests",
    }


def test_json_lines_hold_named_values_and_tracebacks_without_their_locals(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers
    configure_logging(log_format="json", level="info")
    log = structlog.get_logger("a test")
    word = "swordfish"
    try:
        int(word[:2])
    except ValueError:
        log.exception("failed", shard=3, token_key=word)
    logging.getLogger("aiokafka").error("of the client")
    logging.getLogger("aiokafka").warning("not worth a line")
    logging.getLogger().handlers = before
    ours, clients = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["level"], ours["shard"], ours["token_key"]) == ("failed", "error", 3, MASK)
    assert "ValueError: invalid literal" in ours["exception"]
    assert "swordfish" not in json.dumps(ours)
    assert clients["event"] == "of the client"
