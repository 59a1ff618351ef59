"""What a targeting plug-in is: which of many conditions one request satisfies.

The family's one algorithm today is ``engine/targeting/index.py``. Another one (a different language, an audience
service whose answers arrive as attributes, a GPU) needs these four members and no more; retrieval knows nothing else.
"""

from collections.abc import Mapping
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

# JSON values as orjson yields them: dict, list, str, int, float, bool, None. A key that is absent and a key that is
# null are the same to the language.
Attributes: TypeAlias = Mapping[str, object]


class Matcher(Protocol):
    """An immutable set of conditions, asked once a request for all of them together."""

    def __len__(self) -> int:
        """How many conditions there are."""
        ...

    @property
    def residual(self) -> NDArray[np.bool_]:
        """Shape (conditions,): where True, ``candidates`` may say yes too often, and ``matches_one`` decides."""
        ...

    def candidates(self, attributes: Attributes) -> NDArray[np.bool_]:
        """Shape (conditions,), the caller's own: False where a condition does not hold; exact unless residual."""
        ...

    def matches_one(self, i: int, attributes: Attributes) -> bool:
        """Whether condition ``i`` holds, exactly."""
        ...
