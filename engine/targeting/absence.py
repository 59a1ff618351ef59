"""Whether a condition can hold where an attribute is absent for the reason that comparisons take that for 0.

The published language has it so, and few mean it. This only warns: the evaluator alone says what a condition means.
"""

import dataclasses
from collections.abc import Iterator

from engine.targeting.condition import Condition
from engine.targeting.evaluator import holds
from engine.targeting.tree import ElemMatch, Every, Node, Not, Order, Some, Version, Where

_SAID = (
    "the condition can hold where this is absent, which comparisons take for 0;"
    ' if that is not meant, ask "$exists": true of it too, outside any $not or $nor'
)


def warnings_with_absence(condition: Condition) -> tuple[str, ...]:
    """What is odd about a condition though valid: what its text shows, then the paths that may be absent for it to hold."""
    paths = dict.fromkeys(_compared(condition.root, ""))
    absent = [f"{path}: {_SAID}" for path in paths if _Absence(path=path).lets(condition.root, "", want=True)]
    return (*condition.warnings, *absent)


def _is_comparison(node: Node) -> bool:
    return isinstance(node, Order) or (isinstance(node, Version) and node.operator != "eq")


def _compared(node: Node, above: str) -> Iterator[str]:
    """The paths that comparisons ask, those of elements after the path of their array. ``above``: where ``node`` asks."""
    match node:
        case Every() | Some():
            for one in node.nodes:
                yield from _compared(one, above)
        case Not():
            yield from _compared(node.node, above)
        case Where():
            yield from _compared(node.test, f"{above}{node.path}.")
        case ElemMatch():  # an element that is asked itself is there
            yield from (path for path in _compared(node.element, above) if f"{path}." != above)
        case _ if _is_comparison(node):
            yield above.removesuffix(".")
        case _:
            pass


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Absence:
    """What a condition can come to where ``path`` is absent, and nothing is known of the others.

    ``above``: the path of what a node asks, and a dot; None where that is absent.
    """

    path: str

    def can(self, node: Node, above: str | None, *, want: bool) -> bool:
        """Whether ``node`` can come to ``want``."""
        match node:
            case Every() | Some():
                every = all if isinstance(node, Every) is want else any
                return every(self.can(one, above, want=want) for one in node.nodes)
            case Not():
                return self.can(node.node, above, want=not want)
            case _ if above is None:
                return holds(node, None) is want
            case Where():
                inside = self._inside(node, above)
                return inside == "" or self.can(node.test, inside, want=want)
            case ElemMatch():
                return not want or self.can(node.element, above, want=True)
            case _:
                return True

    def lets(self, node: Node, above: str | None, *, want: bool) -> bool:
        """Whether it can, and a comparison of what is absent has a part in that."""
        match node:
            case Every() | Some():
                if not any(self.lets(one, above, want=want) for one in node.nodes):
                    return False
                return isinstance(node, Every) is not want or self.can(node, above, want=want)
            case Not():
                return self.lets(node.node, above, want=not want)
            case _ if above is None:
                return _is_comparison(node) and holds(node, None) is want
            case Where():
                inside = self._inside(node, above)
                own = inside is not None or f"{above}{node.path}" == self.path
                return own and inside != "" and self.lets(node.test, inside, want=want)
            case ElemMatch():
                return self.lets(node.element, above, want=want)
            case _:
                return False

    def _inside(self, node: Where, above: str) -> str | None:
        """What ``above`` is for the test of a path; empty where that has nothing to do with what is absent."""
        path = f"{above}{node.path}"
        if f"{path}.".startswith(f"{self.path}."):
            return None
        return f"{path}." if self.path.startswith(f"{path}.") else ""
