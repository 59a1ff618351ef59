"""Which nodes of conditions a module asks the evaluator for: how much work a request makes, without a clock."""

import types

import pytest

from engine.targeting.evaluator import holds
from engine.targeting.tree import Node
from engine.targeting.values import Groups


def asked_of(monkeypatch: pytest.MonkeyPatch, module: types.ModuleType) -> list[Node]:
    """A list that grows by every node that the module asks from now on."""
    asked: list[Node] = []

    def noted(node: Node, value: object, groups: Groups) -> bool:
        asked.append(node)
        return holds(node, value, groups)

    monkeypatch.setattr(module, "holds", noted)
    return asked
