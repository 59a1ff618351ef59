"""The load of ``adjudge bench pipeline``, in a process of its own: requests at a rate, whatever the answers (open loop).

``python -m scripts.bench_generator HOST:PORT PREFIX REQUESTS RATE SEED``; a rate of 0 writes as fast as it can.
Ends with one JSON line: how long it took, and how far it ever fell behind its own schedule.
"""

import asyncio
import json
import sys
import time
from typing import Final

import uvloop
from aiokafka import AIOKafkaProducer

from schemas.topics import topic_name
from scripts.feed_simulation import traffic

BURST_S: Final = 0.005  # a sleep shorter than this is not worth it


async def generate(bootstrap: str, prefix: str, requests: int, rate: int, seed: int) -> dict[str, float]:
    """Write the records; garbage among them is written too."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, linger_ms=2, max_batch_size=262_144, acks="all", enable_idempotence=True
    )
    await producer.start()
    try:
        name = topic_name(prefix, "requests")
        prepared = list(traffic(seed, requests))
        cpu, started, late_s = time.process_time(), time.perf_counter(), 0.0
        for number, sent in enumerate(prepared):
            if rate:
                ahead = started + number / rate - time.perf_counter()
                late_s = max(late_s, -ahead)
                if ahead > BURST_S:
                    await asyncio.sleep(ahead)
            await producer.send(name, sent.value, sent.key)
        await producer.flush()
        seconds = time.perf_counter() - started
        cpu = time.process_time() - cpu
    finally:
        await producer.stop()
    return {"sent": len(prepared), "seconds": seconds, "cpu_s": cpu, "late_ms_max": late_s * 1e3}


def main(arguments: list[str]) -> None:
    """Generate and tell."""
    bootstrap, prefix, requests, rate, seed = arguments
    print(json.dumps(uvloop.run(generate(bootstrap, prefix, int(requests), int(rate), int(seed)))))


if __name__ == "__main__":
    main(sys.argv[1:])
