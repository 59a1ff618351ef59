"""What can become of a request instead of its result: one name for each thing that a feed has to tell apart."""


class FeedError(Exception):
    """Any of them."""


class FeedInvalid(FeedError):
    """The request cannot be written: no JSON object, no readable id, or too large. Nothing was written."""


class FeedDuplicate(FeedError):
    """A request with this id waits for its result already. Nothing was written."""


class FeedFull(FeedError):
    """As many requests wait as may. Nothing was written; try again later, or ask for less."""


class FeedUnavailable(FeedError):
    """Kafka, or a topic, cannot be reached, or a result cannot be read. Unless ``may_be_written``, nothing was written."""

    def __init__(self, problem: str, *, may_be_written: bool = False) -> None:
        super().__init__(problem)
        self.may_be_written = may_be_written


class FeedTimeout(FeedError):
    """No result came in time. What was written is decided all the same, and charged as any other decision.

    ``place``: partition and offset of the request on the topic; None when Kafka has not said that it is there, and it
    may be there or not. Unless ``may_be_written``, its time was over before it could be given to Kafka, and it is not.
    """

    def __init__(
        self, problem: str, *, request_id: str, place: tuple[int, int] | None, may_be_written: bool = True
    ) -> None:
        super().__init__(problem)
        self.request_id = request_id
        self.place = place
        self.may_be_written = may_be_written


class FeedClosed(FeedError):
    """The client is not open, or was closed before the result came; what was written is decided all the same."""
