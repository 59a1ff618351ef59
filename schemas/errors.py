"""What is wrong with a message, where, and what to do about it."""


class SchemaError(ValueError):
    """A message that cannot be accepted.

    ``field`` is a path such as ``pricing.amount_micros`` or ``formats[0].w`` (empty: the whole message);
    ``fix`` says what would be accepted.
    """

    def __init__(self, field: str, problem: str, fix: str = "") -> None:
        super().__init__(
            f"{field}: {problem}" + (f" ({fix})" if fix else "") if field else problem + (f" ({fix})" if fix else "")
        )
        self.field = field
        self.problem = problem
        self.fix = fix


class TooLargeError(SchemaError):
    """A message of more bytes than are accepted."""


class UnsupportedError(SchemaError):
    """A message that is well formed and asks for what is not decided."""
