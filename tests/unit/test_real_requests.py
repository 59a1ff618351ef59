"""Real traffic and the samples of the standard decode, or fail with the field's name and a reason."""

import decimal
import gzip
import pathlib

import orjson
import pytest

from schemas.errors import SchemaError
from schemas.openrtb import read_request


@pytest.fixture(scope="module")
def mobile(shared_data: pathlib.Path) -> list[bytes]:
    return gzip.decompress((shared_data / "requests-mobile.jsonl.gz").read_bytes()).splitlines()


def test_the_mobile_requests_are_read_but_for_one_with_an_impossible_floor(mobile: list[bytes]) -> None:
    read, refused = 0, []
    for value in mobile:
        try:
            read_request(value)
            read += 1
        except SchemaError as error:
            refused.append(str(error))
    assert (read, len(mobile)) == (999, 1_000)
    assert refused == ["imp[0].bidfloor: 1249995.0 is not a floor (a decimal CPM from 0 to 9000)"]


def test_what_decisions_read_of_a_mobile_request_is_what_it_says(mobile: list[bytes]) -> None:
    banners = 0
    for value in mobile:
        said = orjson.loads(value)
        if said["imp"][0]["bidfloor"] > 9_000:
            continue
        request = read_request(value)
        imp, raw = request.typed.imp[0], said["imp"][0]
        assert request.fields == said
        assert request.typed.id == said["id"]
        assert request.typed.bcat == tuple(str(category) for category in said["bcat"])
        assert imp.bidfloor == decimal.Decimal(str(raw["bidfloor"]))
        banners += imp.banner is not None
        if imp.banner:
            assert (imp.banner.w, imp.banner.h) == (raw["banner"]["w"], raw["banner"]["h"])
    assert banners == 997


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
