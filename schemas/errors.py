"""What is wrong with a message, where, and what to do about it."""


class SchemaError(ValueError):
    """A message that cannot be accepted.

    ``field`` is a path such as ``pricing.amount_micros`` or ``formats[0].w`` (empty: the whole message);
    ``fix`` says what would be accepted.
    """

    def __init__(self, field: str, problem: str, fix: str = "") -> None:
        self.field = field
        self.problem = problem
        self.fix = fix
        super().__init__(f"{field}: {self.told}" if field else self.told)

    @property
    def told(self) -> str:
        """The problem, and what would be accepted, for whoever is told the field beside it."""
        return f"{self.problem} ({self.fix})" if self.fix else self.problem


class TooLargeError(SchemaError):
    """A message of more bytes than are accepted."""


class UnsupportedError(SchemaError):
    """A message that is well formed and asks for what is not decided."""
