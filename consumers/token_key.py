"""The secret key that signs impression tokens: a file, made on first start when no setting names one.

It decides nothing (D6): a token is an opaque proof that travels with an impression and comes back.
"""

import contextlib
import errno
import os
import pathlib
import secrets
import stat
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
    path = key_path(settings)
    if not settings.token_key:
        _make(path, settings)
    name = "token_key" if settings.token_key else "state"
    told = f"the token key {path} ({name}, from {settings.source(name)})"
    try:
        key = read_key(path)
    except OSError as error:
        raise SettingsError(f"{told} cannot be read: {error.strerror}") from error
    if wrong := wrong_size(key):
        raise SettingsError(f"{told} cannot be used: it has {wrong}")
    return key


def key_path(settings: Settings) -> pathlib.Path:
    """The file that is named, or the one in the state folder."""
    return pathlib.Path(settings.token_key) if settings.token_key else state_folder(settings) / "token.key"


def state_folder(settings: Settings) -> pathlib.Path:
    """The folder that a ``file:`` state URL names."""
    return pathlib.Path(urllib.parse.unquote(urllib.parse.urlsplit(settings.state).path))


def read_key(path: pathlib.Path) -> bytes:
    """What a file holds, of a longer one than a key may be one byte too many. Raises OSError.

    A pipe that nobody writes to, or a device without end, is no file that a key could be in, and is not waited for.
    """
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        with os.fdopen(opened, "rb", closefd=False) as file:
            return file.read(KEY_BYTES_MAX + 1)
    finally:
        os.close(opened)


def wrong_size(key: bytes) -> str:
    """How long it is, and how long it must be; empty when it may be so long."""
    if KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        return ""
    has = f"more than {KEY_BYTES_MAX:,}" if len(key) > KEY_BYTES_MAX else str(len(key))
    return f"{has} bytes, not {KEY_BYTES_MIN} to {KEY_BYTES_MAX:,}"


def _make(path: pathlib.Path, settings: Settings) -> None:
    """Write a key that is whole or not there at all, readable by its owner alone; of two processes one wins."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError as error:
        told = f"the state folder {path.parent} (state, from {settings.source('state')})"
        raise SettingsError(f"{told} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    log.warning(
        "made a key for impression tokens; give every process the same one by ADJUDGE_TOKEN_KEY", file=str(path)
    )
