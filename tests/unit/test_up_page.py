"""The page of ``adjudge up``: all that runs and where, as HTML that is whole, takes nothing from elsewhere, and escapes."""

import dataclasses
import html.parser
import pathlib
import re
from typing import Final

from aiokafka.errors import KafkaConnectionError

from consumers.settings import load_settings
from schemas.topics import TOPICS
from scripts.demo_results import Results
from scripts.topic_ends import TopicEnds
from scripts.up_facts import UpPage, exports
from scripts.up_page import HEADERS, Facts, ShardFacts, TopicFacts, page

VOID: Final = {"meta", "br"}
FACTS: Final = Facts(
    kafka="127.0.0.1:29092",
    exports=("export ADJUDGE_KAFKA=127.0.0.1:29092", "export ADJUDGE_TOPIC_PREFIX=mine."),
    http="127.0.0.1:8080",
    gateway_http="127.0.0.1:8180",
    state="file:///state",
    unready=(),
    shards=(ShardFacts(shard=0, phase="deciding", position=12_345, lag=0),),
    catalog_offset=7_714,
    controls_offset=None,
    topics=(
        TopicFacts(
            name="ads.requests", message="BidRequest", writer="feed", readers="engine", partitions=4, kept=1_059
        ),
    ),
    rate=0,
    answered=0,
    fill=0.0,
)


class Reader(html.parser.HTMLParser):
    """Texts, links and elements of a page; fails for one that is not closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1] not in {"style", "title"}:
            self.texts.append(data)


def test_it_says_what_runs_where() -> None:
    read = Reader(page(FACTS))
    links = [value for name, value in read.attributes if name == "href"]
    for address in (FACTS.http, FACTS.gateway_http):
        assert {f"http://{address}/{name}" for name in ("livez", "readyz", "metrics")} <= set(links)
    text = "\n".join(read.texts)
    for shown in ("127.0.0.1:29092", "file:///state", "Ready", "deciding", "12,345", "7,714", "ads.requests", "1,059"):
        assert shown in text
    assert "unknown" in text, "of the controls"
    assert f"curl -i http://{FACTS.gateway_http}/openrtb2/auction" in text
    assert "\n".join((*FACTS.exports, "adjudge topics check")) in text


def test_another_shell_is_told_what_is_not_the_default() -> None:
    assert exports(load_settings({})) == ("export ADJUDGE_KAFKA=127.0.0.1:9092",)
    told = {"ADJUDGE_KAFKA": "127.0.0.1:29092", "ADJUDGE_TOPIC_PREFIX": "mine.", "ADJUDGE_GROUP": "mine"}
    assert exports(load_settings(told)) == tuple(f"export {name}={value}" for name, value in told.items())


def test_it_says_why_it_is_not_ready() -> None:
    waiting = dataclasses.replace(FACTS, unready=("shard 0: reading the journal",), shards=(), catalog_offset=None)
    text = "\n".join(Reader(page(waiting)).texts)
    assert "Not ready: shard 0: reading the journal" in text
    assert "None is assigned yet" in text


def test_it_tells_of_the_sample_traffic() -> None:
    assert "adjudge up --traffic" in page(FACTS)
    sending = page(dataclasses.replace(FACTS, rate=200, answered=12_345, fill=0.876))
    assert "200 requests/s; 12,345 answered, 88% of slots filled" in sending


def test_it_takes_nothing_from_elsewhere_and_runs_no_script() -> None:
    read = Reader(page(FACTS))
    assert not {"script", "link", "img", "iframe", "form", "object"} & read.names
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in {"src", "style"}]
    assert "url(" not in page(FACTS)
    assert "@import" not in page(FACTS)
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_it_keeps_itself_current_unless_held_still() -> None:
    assert '<meta http-equiv="refresh" content="5">' in page(FACTS)
    assert "http-equiv" not in page(FACTS, still=True)


def test_no_text_becomes_markup() -> None:
    evil = "<script>\"'&"
    shard = dataclasses.replace(FACTS.shards[0], phase=evil)
    topic = dataclasses.replace(FACTS.topics[0], name=evil, message=evil, writer=evil, readers=evil)
    facts = dataclasses.replace(
        FACTS, kafka=evil, http=evil, gateway_http=evil, state=evil, unready=(evil,), shards=(shard,), topics=(topic,)
    )
    text = page(facts)
    assert "<script" not in text
    read = Reader(text)
    assert sum(shown.count(evil) for shown in read.texts) >= 10
    assert {name for name, _ in read.attributes} == set(re.findall(r' ([a-z-]+)="', page(FACTS)))


class Unreachable(TopicEnds):
    """Of a Kafka that does not answer."""

    def __init__(self) -> None:
        super().__init__(None, "ads.", {topic.name: 4 for topic in TOPICS})

    async def kept(self) -> dict[str, int]:
        raise KafkaConnectionError


async def test_it_is_there_while_all_is_starting_and_when_kafka_is_gone(tmp_path: pathlib.Path) -> None:
    settings = load_settings({"ADJUDGE_STATE": tmp_path.as_uri()})
    shown = UpPage(settings, Unreachable(), Results(), rate=0)
    facts = shown.facts(await shown._kept())
    assert facts.unready == ("the engine is starting", "the gateway is starting")
    assert {topic.kept for topic in facts.topics} == {None}
    assert [topic.name for topic in facts.topics] == [f"ads.{topic.name}" for topic in TOPICS]
    assert Reader(page(facts)).texts
