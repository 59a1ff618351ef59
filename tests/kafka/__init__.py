"""Real Kafka, real kills."""
