"""Real traffic and the samples of the standard decode, or fail with the field's name and a reason."""

import decimal
import gzip
import pathlib

import orjson
import pytest

from schemas.openrtb import read_request


@pytest.fixture(scope="module")
def mobile(shared_data: pathlib.Path) -> list[bytes]:
    return gzip.decompress((shared_data / "requests-mobile.jsonl.gz").read_bytes()).splitlines()


def test_the_mobile_requests_are_read_all_of_them(mobile: list[bytes]) -> None:
    floors = sorted(read_request(value).typed.imp[0].bidfloor for value in mobile)
    assert len(floors) == 1_000
    assert floors[-1] == decimal.Decimal("1249995.0")  # which no ad reaches


def test_what_decisions_read_of_a_mobile_request_is_what_it_says(mobile: list[bytes]) -> None:
    banners = 0
    for value in mobile:
        said = orjson.loads(value)
        request = read_request(value)
        imp, raw = request.typed.imp[0], said["imp"][0]
        assert request.fields == said
        assert request.typed.id == said["id"]
        assert request.typed.bcat == tuple(str(category) for category in said["bcat"])
        assert imp.bidfloor == decimal.Decimal(str(raw["bidfloor"]))
        banners += imp.banner is not None
        if imp.banner:
            assert (imp.banner.w, imp.banner.h) == (raw["banner"]["w"], raw["banner"]["h"])
    assert banners == 998


def test_the_samples_of_the_standard_are_read(shared_data: pathlib.Path) -> None:
    files = sorted((shared_data / "openrtb-samples").glob("*.json"))
    floors = [[str(imp.bidfloor) for imp in read_request(file.read_bytes()).typed.imp] for file in files]
    assert floors == [["0.03"], ["0.03"], ["0.5"], ["0.03"]]
    deals = read_request(files[3].read_bytes()).typed.imp[0].pmp
    assert deals is not None
    assert [(deal.id, str(deal.bidfloor), deal.at) for deal in deals.deals] == [
        ("AB-Agency1-0001", "2.5", 1),
        ("XY-Agency2-0001", "2", 2),
    ]
