"""The real LibreChat client against every role in hardened mode."""

from test_librechat_client import client_packages, drive  # noqa: F401


def test_with_librechats_tokens_in_hardened_mode(hardened, client_packages, tmp_path):  # noqa: F811
    drive(hardened.api, client_packages, tmp_path, TRY_JWT_KEY=str(hardened.keys.private_file), TRY_JWT_KID=hardened.keys.kid)


def test_with_an_api_key_in_hardened_mode(hardened, client_packages, tmp_path):  # noqa: F811
    drive(hardened.api, client_packages, tmp_path, TRY_API_KEY=hardened.api_key())
