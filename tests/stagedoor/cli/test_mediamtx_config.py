"""`stagedoor mediamtx-config`: what it prints, what it writes, and its errors."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from control_plane.config.declare import InvalidSettings
from control_plane.config.secrets import Purpose, load_or_create
from stagedoor.cli import app
from stagedoor.cli.media import NotWritten


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_DATA_DIR", str(tmp_path / "data"))


def printed(*options: str) -> Result:
    result = CliRunner().invoke(app, ["mediamtx-config", *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def hook_secret(tmp_path: Path) -> str:
    return load_or_create(tmp_path / "data" / "secrets.json")[Purpose.HOOK].signing.value.hex()


def test_the_configuration_goes_to_standard_output_and_the_warning_to_the_person(tmp_path: Path) -> None:
    result = printed()
    assert f"http://mediamtx:{hook_secret(tmp_path)}@127.0.0.1:9080/hooks/auth" in result.stdout
    assert "holds the hook secret" in result.stderr
    assert hook_secret(tmp_path) not in result.stderr


def test_the_hook_file_is_address_and_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_HOOKS_BIND", "0.0.0.0")
    monkeypatch.setenv("LIVE_HOOKS_URL", "http://10.0.0.5:9080/hooks")
    result = printed("--hook-file")
    assert result.stdout == f"http://10.0.0.5:9080/hooks/event\n{hook_secret(tmp_path)}\n"


def test_the_hook_script_is_run_as_it_is_run_there() -> None:
    result = printed("--hook-command", "python3 '/opt/send event.py' /etc/hook")
    assert "runOnOnline: \"python3 '/opt/send event.py' /etc/hook online\"" in result.stdout


def test_without_a_hook_command_there_are_no_hooks() -> None:
    assert "runOn" not in printed("--hook-command", "").stdout


def test_files_are_written_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "its folder"
    result = printed("--to", str(folder))
    assert result.stdout == ""
    assert hook_secret(tmp_path) not in result.stderr
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == {"mediamtx.yml": 0o600, "hook": 0o600}
    assert shlex.quote(str(folder / "hook")) in (folder / "mediamtx.yml").read_text()


@pytest.mark.parametrize("variable", ["LIVE_RTMP_PORT", "LIVE_HOOKS_PORT", "LIVE_MEDIAMTX_API_PORT"])
def test_a_port_that_is_left_to_chance_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "0")
    with pytest.raises(InvalidSettings, match=f"{variable} is 0"):
        printed()


def test_a_folder_that_cannot_be_written_is_said() -> None:
    result = CliRunner().invoke(app, ["mediamtx-config", "--to", "/dev/null/x"])
    assert isinstance(result.exception, NotWritten)
    assert str(result.exception) == "The files cannot be written to /dev/null/x: Not a directory."


def test_a_hook_command_with_an_open_quote_is_said() -> None:
    result = CliRunner().invoke(app, ["mediamtx-config", "--hook-command", "python3 'x"])
    assert result.exit_code == 2
    assert "No closing quotation" in result.output
