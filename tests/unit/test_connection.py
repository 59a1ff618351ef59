"""Files of certificates and keys that cannot be used are named; made with openssl, for nothing but this test."""

import asyncio
import pathlib

import pytest

from consumers.connection import client_arguments, close_in_time
from consumers.settings import Settings, SettingsError, load_settings

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBejCCAR+gAwIBAgIUKMana1jKdCjN4XG3Oj7uOCj7mYIwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGY2xpZW50MCAXDTI2MTEyNDE2NDk1OVoYDzIxMjYxMDMxMTY0
OTU5WjARMQ8wDQYDVQQDDAZjbGllbnQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATklsR+Aa6TzoBTjJD7FEE2AKLHNQEuz7/q4eiALuBmBX6mYLCRh0Ml0uHF4ry7
iw39hTRd64vIXpNXSLuc/5XWo1MwUTAdBgNVHQ4EFgQUmuFfzNO95FIzk/sol4uN
GuXQm1gwHwYDVR0jBBgwFoAUmuFfzNO95FIzk/sol4uNGuXQm1gwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAqNezuXZ9/ix5ncLag/4rve+NyV7b
tdVDzepzUH1yNIsCIQCWtkT9ovOU1ai3ImKwtZJVrT2klGlYlzmm9G7GeT80kw==
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjXD7WBKT2dTQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGIv7Dsn6gC9GwZGRF7ifmYEgZB2
ryoRig/KUsHWLLzbOD1DVJspyNEks2ub9CbsrrATHCwwvhvAhsYXWAUdClN5Vfmg
eUDtuuLZhKhWGCYUtUkIeMEeNDTx1MAPjPih/x7OL3kJm0nauVkjPgQ4SgKCXyhs
DJrwe2gbdsSKKS7PPccec3yfpPSKChkqNwWNiQMnrTkLuuRG9PfOqHZMKzhj24M=
-----END ENCRYPTED PRIVATE KEY-----
"""
OTHER_KEY = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhvXDAbmASezAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEIRoUfqZ3F8H2KSDQGqF+nsEgZBp
0UH35b7eDFkGG0dG3eBK5kWSZGGxVaiVwoGVojVQNt9bJBVjcNu7pXgoE0hRa2Bo
VAI2Y0NqgwN6lxvee7WrZP7CgbWXsaGnmdMjF9XoN9FBRKYjH7CHdg+/7xl6t+Hw
g6H+TX2dBcheQRqzyoJJtj63ahB/Zok9C3+tzSvsWU+sFI9r79JE0OT5KG9+mIk=
-----END ENCRYPTED PRIVATE KEY-----
"""
OPENS = "sesame"
NO_KEY = "it is no key in PEM, or kafka_ssl_password is not its password"


def settings(folder: pathlib.Path, **told: str) -> Settings:
    for name, text in {"cert": CERTIFICATE, "key": KEY, "other": OTHER_KEY, "both": CERTIFICATE + KEY}.items():
        (folder / f"{name}.pem").write_text(text)
    (folder / "no.pem").write_text("nothing of the kind")
    files = {
        f"kafka_ssl_{name}": text if name == "password" else str(folder / f"{text}.pem") for name, text in told.items()
    }
    return load_settings({}, overrides={"kafka_security_protocol": "SSL", **files})


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"cafile": "cert"},
        {"certfile": "cert", "keyfile": "key", "password": OPENS},
        {"certfile": "both", "password": OPENS},
    ],
)
def test_good_files_give_a_context(tmp_path: pathlib.Path, told: dict[str, str]) -> None:
    assert client_arguments(settings(tmp_path, **told))["ssl_context"]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"cafile": "absent"}, "kafka_ssl_cafile FOLDER/absent.pem cannot be used: No such file or directory"),
        ({"cafile": "no"}, "kafka_ssl_cafile FOLDER/no.pem cannot be used: it holds no certificate in PEM"),
        (
            {"certfile": "absent", "keyfile": "key"},
            "kafka_ssl_certfile FOLDER/absent.pem cannot be used: No such file or directory",
        ),
        (
            {"certfile": "no", "keyfile": "key", "password": OPENS},
            "kafka_ssl_certfile FOLDER/no.pem cannot be used: it holds no certificate in PEM",
        ),
        (
            {"certfile": "cert", "keyfile": "absent"},
            "kafka_ssl_keyfile FOLDER/absent.pem cannot be used: No such file or directory",
        ),
        (
            {"certfile": "cert", "keyfile": "key", "password": "swordfish"},
            "kafka_ssl_keyfile FOLDER/key.pem cannot be used: " + NO_KEY,
        ),
        (
            {"certfile": "cert", "keyfile": "key"},
            "kafka_ssl_keyfile FOLDER/key.pem cannot be used: " + NO_KEY,
        ),
        (
            {"certfile": "cert", "keyfile": "other", "password": OPENS},
            "kafka_ssl_keyfile FOLDER/other.pem cannot be used: it does not belong to the certificate in FOLDER/cert.pem",
        ),
        (
            {"certfile": "cert"},
            "the key in kafka_ssl_certfile FOLDER/cert.pem cannot be used: " + NO_KEY,
        ),
    ],
)
def test_the_file_that_cannot_be_used_is_named(tmp_path: pathlib.Path, told: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        client_arguments(settings(tmp_path, **told))
    assert str(raised.value) == said.replace("FOLDER", str(tmp_path))


class Stopping:
    """A client whose brokers are away: it awaits a task that it has cancelled."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def stop(self) -> None:
        await asyncio.sleep(self._seconds)
        raise asyncio.CancelledError


async def test_a_client_that_cancels_itself_cancels_nobody_else() -> None:
    await close_in_time(Stopping(0))
    closing = asyncio.create_task(close_in_time(Stopping(60)))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
