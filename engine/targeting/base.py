"""What a targeting plug-in is: which of many conditions one request satisfies.

The family's one algorithm today is ``engine/targeting/index.py``. Another one (a different language, an audience
service whose answers arrive as attributes, a GPU) needs these four members and no more; retrieval knows nothing else.
"""

import types
from collections.abc import Mapping
from typing import Final, Protocol, TypeAlias

from engine.targeting.words import Clauses, Conditions

# JSON values as orjson yields them: dict, list, str, int, float, bool, None. A key that is absent and a key that is
# null are the same to the language.
Attributes: TypeAlias = Mapping[str, object]

# The saved groups in force, by name: ``key_of`` each value. A group that is not there is empty, as the language has it.
Groups: TypeAlias = Mapping[str, frozenset[object]]
NO_GROUPS: Final[Groups] = types.MappingProxyType({})


class Matcher(Protocol):
    """An immutable set of conditions, asked once a request for all of them together; one request after the other."""

    def __len__(self) -> int:
        """How many conditions there are."""
        ...

    @property
    def conditions(self) -> Conditions:
        """The conditions over their clauses, as compiled code reads them (``words.py``)."""
        ...

    def ask(self, attributes: Attributes, groups: Groups) -> Clauses:
        """The clauses as a request finds them under the groups in force; good until the next one is asked."""
        ...

    def answer(self, test: int, attributes: Attributes, groups: Groups, clauses: Clauses) -> None:
        """Answer a test that a clause turned out to need, for the request that ``clauses`` were asked for."""
        ...
