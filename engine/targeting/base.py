"""What a targeting plug-in is: which of many conditions one request satisfies.

The family's one algorithm today is ``engine/targeting/index.py``. Another one (a different language, an audience
service whose answers arrive as attributes, a GPU) needs these four members and no more; retrieval knows nothing else.
"""

from typing import Protocol

from engine.targeting.values import Attributes, Groups
from engine.targeting.words import Clauses, Conditions


class Matcher(Protocol):
    """An immutable set of conditions, asked once a request for all of them together; one request after the other."""

    def __len__(self) -> int:
        """How many conditions there are."""
        ...

    @property
    def conditions(self) -> Conditions:
        """The conditions over their clauses, as compiled code reads them (``words.py``)."""
        ...

    def clauses_for(self, attributes: Attributes, groups: Groups) -> Clauses:
        """The clauses as a request finds them under the groups in force; good until the next one is asked."""
        ...

    def answer(self, test: int, attributes: Attributes, groups: Groups, clauses: Clauses) -> None:
        """Answer a test that a clause turned out to need, for the request that ``clauses`` were asked for."""
        ...
