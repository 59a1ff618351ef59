"""Where Kafka's clients put keys: published vectors, and the Python client's own function."""

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_the_client
from hypothesis import given
from hypothesis import strategies as st

from engine.partitioning import murmur2, partition_of

# org.apache.kafka.common.utils.UtilsTest.testMurmur2, as signed 32-bit integers.
PUBLISHED = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", PUBLISHED)
def test_hashes_as_kafka_publishes_them(key: bytes) -> None:
    assert murmur2(key) == PUBLISHED[key] % 2**32


@given(st.binary(max_size=40))
def test_hashes_as_the_python_client_does(key: bytes) -> None:
    assert murmur2(key) == murmur2_of_the_client(key)


@given(st.binary(max_size=200), st.integers(1, 100))
def test_a_key_belongs_to_one_of_the_partitions(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2_of_the_client(key) & 0x7FFFFFFF) % partitions
