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
    with pytest.raises(SettingsError, match="cannot be read"):
        load_token_key(settings)
    file.write_bytes(b"k" * 32)
    assert load_token_key(settings) == b"k" * 32
    file.write_bytes(b"short")
    with pytest.raises(SettingsError, match="it has 5"):
        load_token_key(settings)


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        load_token_key(load_settings({"ADJUDGE_STATE": (tmp_path / "file" / "below").as_uri()}))
