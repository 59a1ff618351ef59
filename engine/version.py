"""The version of the engine, as the fence record and every output carry it."""

from typing import Final

ENGINE_VERSION: Final = "0.1.0"
