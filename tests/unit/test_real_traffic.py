"""Real requests through everything that reads them: nothing fails, nothing personal survives."""

import gzip
import pathlib

import orjson

from engine.attributes import attributes
from engine.formats import imp_spec
from engine.privacy import REMOVED, basis, strip
from engine.reading import at
from schemas.errors import SchemaError
from schemas.openrtb import read_request


def real_requests(shared_data: pathlib.Path) -> list[bytes]:
    mobile = gzip.decompress((shared_data / "requests-mobile.jsonl.gz").read_bytes()).splitlines()
    samples = [path.read_bytes() for path in sorted((shared_data / "openrtb-samples").glob("*.json"))]
    return mobile + samples


def test_privacy_and_attributes_of_real_requests(shared_data: pathlib.Path) -> None:
    for value in real_requests(shared_data):
        fields = orjson.loads(value)
        basis(fields)
        kept = strip(fields)
        assert all(at(kept, *path.split(".")) is None for path in REMOVED)
        for personalised in (True, False):
            seen = attributes(fields, event_time_ms=1_480_544_698_821, personalised=personalised)
            assert {*seen} == {*fields, "adjudge"}


def test_slots_of_real_requests(shared_data: pathlib.Path) -> None:
    banners = 0
    for value in real_requests(shared_data):
        try:
            request = read_request(value)
        except SchemaError:
            continue
        for index, imp in enumerate(request.typed.imp):
            spec = imp_spec(request, index)
            assert (spec.shape.sizes is None) == (imp.banner is None)
            banners += bool(spec.shape.sizes)
    assert banners > 900
