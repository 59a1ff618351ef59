"""The asyncio edges: Kafka, HTTP, settings, metrics, wiring. No business decision is taken here."""
