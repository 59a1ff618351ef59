"""What is installed is typed: without py.typed in each package, everything of it is Any to those who use it."""

import pathlib
import tomllib

from tests.tidiness import LAYERS

ROOT = pathlib.Path(__file__).parents[2]


def test_every_package_is_shipped_with_its_types() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for package in LAYERS:
        assert "py.typed" in shipped[package]
        assert (ROOT / package / "py.typed").read_text() == ""
