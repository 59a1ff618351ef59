"""Where Kafka's own clients put a key, to notice records that another hash put elsewhere.

The Java client's default partitioner: 32-bit MurmurHash2 of the key with a fixed seed, made positive, modulo the
number of partitions (``org.apache.kafka.common.utils.Utils.murmur2``, KIP-480 keeps it for keyed records).
librdkafka's default is CRC32, which would spread one user over two shards without anybody seeing it.
"""

import functools
import struct

from engine.limits import PLACED_KEY_BYTES_MAX, PLACED_KEYS_MAX

_SEED = 0x9747B28C
_FACTOR = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """MurmurHash2 of ``data`` as an unsigned 32-bit integer.

    >>> murmur2(b"foobar") - 2**32
    -790332482
    """
    length = len(data)
    tail = length & 3
    mixed = _SEED ^ length
    for word in struct.unpack_from(f"<{length >> 2}I", data):
        scrambled = word * _FACTOR & _MASK
        mixed = (mixed * _FACTOR & _MASK) ^ ((scrambled ^ (scrambled >> 24)) * _FACTOR & _MASK)
    if tail:
        mixed = (mixed ^ int.from_bytes(data[-tail:], "little")) * _FACTOR & _MASK
    mixed = (mixed ^ (mixed >> 13)) * _FACTOR & _MASK
    return mixed ^ (mixed >> 15)


def partition_of(key: bytes, partitions: int) -> int:
    """The partition, from 0, on which a record with this key belongs."""
    return _remembered(key, partitions) if len(key) <= PLACED_KEY_BYTES_MAX else _partition_of(key, partitions)


def _partition_of(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


_remembered = functools.lru_cache(maxsize=PLACED_KEYS_MAX)(_partition_of)
