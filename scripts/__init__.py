"""What people run: the adjudge command line, benchmarks, local Kafka."""
