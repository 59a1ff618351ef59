"""The secret key that signs impression tokens: a file, made on first start when no setting names one.

It decides nothing (D6): a token is an opaque proof that travels with an impression and comes back.
"""

import contextlib
import os
import pathlib
import secrets
import urllib.parse
from typing import Final

import structlog

from consumers.settings import Settings, SettingsError

KEY_BYTES: Final = 32
KEY_BYTES_MIN: Final = 16
KEY_BYTES_MAX: Final = 4_096

log = structlog.get_logger(__name__)


def load_token_key(settings: Settings) -> bytes:
    """The key's bytes. Raises SettingsError when the file that the settings name cannot be used.

    All processes of an installation need the same key: a warning says so where one is made.
    """
    path = pathlib.Path(settings.token_key) if settings.token_key else state_folder(settings) / "token.key"
    if not settings.token_key:
        _make(path)
    try:
        key = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"the token key {path} cannot be read: {error.strerror}") from error
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise SettingsError(
            f"the token key {path} must have {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes, it has {len(key)}"
        )
    return key


def state_folder(settings: Settings) -> pathlib.Path:
    """The folder that a ``file:`` state URL names."""
    return pathlib.Path(urllib.parse.unquote(urllib.parse.urlsplit(settings.state).path))


def _make(path: pathlib.Path) -> None:
    """Write a key that is whole or not there at all, readable by its owner alone; of two processes one wins."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError as error:
        raise SettingsError(f"the state folder {path.parent} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    log.warning(
        "made a key for impression tokens; give every process the same one by ADJUDGE_TOKEN_KEY", file=str(path)
    )
