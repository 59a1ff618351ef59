import os
import pathlib
import stat

import pytest

from consumers.settings import SettingsError, load_settings
from consumers.token_key import KEY_BYTES, load_token_key


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: pathlib.Path) -> None:
    state = tmp_path / "a state"
    settings = load_settings({"ADJUDGE_STATE": state.as_uri()})
    key = load_token_key(settings)
    assert len(key) == KEY_BYTES
    assert load_token_key(settings) == key
    assert [path.name for path in state.iterdir()] == ["token.key"]
    assert stat.S_IMODE((state / "token.key").stat().st_mode) == 0o600


def test_a_named_key_is_read_and_never_made(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "key"
    settings = load_settings({"ADJUDGE_TOKEN_KEY": str(file)})
    with pytest.raises(
        SettingsError, match=r"key \(token_key, from environment variable ADJUDGE_TOKEN_KEY\) cannot be read"
    ):
        load_token_key(settings)
    file.write_bytes(b"k" * 32)
    assert load_token_key(settings) == b"k" * 32
    file.write_bytes(b"short")
    with pytest.raises(SettingsError, match="it has 5 bytes, not 16 to 4,096"):
        load_token_key(settings)


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"file/below \(state, from .*\) cannot be written"):
        load_token_key(load_settings({"ADJUDGE_STATE": (tmp_path / "file" / "below").as_uri()}))


def test_a_state_folder_that_cannot_be_searched_is_named(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / ("x" * 300)  # a name that no file system has; unlike rights, it stops everybody
    with pytest.raises(SettingsError, match=r"xx \(state, from environment .*\) cannot be written"):
        load_token_key(load_settings({"ADJUDGE_STATE": folder.as_uri()}))


def test_what_is_no_regular_file_is_neither_waited_for_nor_read(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, pathlib.Path("/dev/zero")):
        with pytest.raises(SettingsError, match="cannot be read: it is no regular file"):
            load_token_key(load_settings({"ADJUDGE_TOKEN_KEY": str(path)}))


def test_of_a_file_that_is_too_long_no_more_is_read_than_shows_it(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "key"
    with file.open("wb") as made:
        made.truncate(1 << 40)
    with pytest.raises(SettingsError, match="it has more than 4,096 bytes, not 16 to 4,096"):
        load_token_key(load_settings({"ADJUDGE_TOKEN_KEY": str(file)}))


def test_a_key_may_be_reached_by_a_link(tmp_path: pathlib.Path) -> None:
    (tmp_path / "secret").write_bytes(b"k" * 32)
    (tmp_path / "key").symlink_to("secret")
    assert load_token_key(load_settings({"ADJUDGE_TOKEN_KEY": str(tmp_path / "key")})) == b"k" * 32
