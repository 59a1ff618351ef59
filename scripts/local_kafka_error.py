"""What goes wrong with a local Kafka; by itself, so that whoever shows it need not load what starts one."""


class LocalKafkaError(Exception):
    """The local Kafka could not be had; the text gives the reason and what to do."""
