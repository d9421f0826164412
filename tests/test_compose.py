"""Dockerfile, compose file and workflow, as far as they can be checked without Docker."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from aiohttp import web
from ruamel.yaml import YAML

from control_plane.config.loading import describe, load
from control_plane.config.ports import Ports
from control_plane.config.secrets import Purpose, load_or_create
from control_plane.config.settings import Settings
from control_plane.db.embedded.programs import programs_for, unprivileged_account
from control_plane.db.embedded.roles import SUPERUSER
from control_plane.observe.metrics import Metrics
from control_plane.streams.access import AccessRequest, Verdict
from hooks.listener import HooksListener
from hooks.metrics import HookMetrics
from mediamtx.node.config import local_url
from mediamtx.node.hook_command import hook_command
from mediamtx.node.inspection import inspect
from mediamtx.node.launch import configuration
from mediamtx.node.process import MediaMTXProcess
from mediamtx.obtain.binary import obtain
from tests.mediamtx.rig import SCRIPT, free_ports
from tests.postgres import TestPostgres, as_superuser

ROOT = Path(__file__).parents[1]
DOTENV = {
    "LIVE_PUBLIC_HOST": "live.example.com",
    "POSTGRES_PASSWORD": "only4thistest",
    "POSTGRES_SERVER_PASSWORD": "that2",
}
UDP = {"webrtc_udp_port", "srt_port"}
PRIVATE = {"hooks_port", "mediamtx_api_port"}
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")


def interpolated(node: Any) -> Any:
    """Replace variables in a parsed file with the values of `.env`, as compose does."""
    if isinstance(node, dict):
        return {name: interpolated(value) for name, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value) for value in node]
    return _VARIABLE.sub(_value, node) if isinstance(node, str) else node


def _value(match: re.Match[str]) -> str:
    name, kind, rest = match.groups()
    if kind == ":?":
        assert rest, f"{name}: compose shows this text when it is missing"
        return DOTENV[name]
    return DOTENV.get(name) or rest


COMPOSE: dict[str, Any] = interpolated(YAML(typ="safe").load((ROOT / "compose.yaml").read_text()))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def image_environment() -> dict[str, str]:
    [block] = re.findall(r"^ENV (PATH=.*?[^\\])$", DOCKERFILE.rpartition("\nFROM ")[2], re.MULTILINE | re.DOTALL)
    return dict(pair.split("=", 1) for pair in shlex.split(block.replace("\\\n", " ")))


def environment(service: str) -> dict[str, str]:
    own = {name: str(value) for name, value in SERVICES[service]["environment"].items()}
    return {**image_environment(), **own}


def settings_of(service: str) -> Settings:
    return load(environment(service))


def published(service: str) -> set[tuple[str, str]]:
    """Host and container ports, with `/udp`."""
    return {(host, container) for host, _, container in (port.partition(":") for port in SERVICES[service]["ports"])}


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.compose-spec", "compose.yaml"),
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("custom.github-workflows-require-timeout", ".github/workflows/ci.yml"),
    ],
)
def test_it_is_valid_by_its_schema(schema: str, file: str) -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    checked = subprocess.run([checker, "--builtin-schema", schema, ROOT / file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_every_variable_is_a_setting() -> None:
    known = {info.variable for info in describe()}
    used = {
        name for service in SERVICES.values() for name in service.get("environment", {}) if name.startswith("LIVE_")
    }
    in_image = {name for name in image_environment() if name.startswith("LIVE_")}
    passed_on = {match[1] for match in _VARIABLE.finditer((ROOT / "compose.yaml").read_text())} - {
        "POSTGRES_PASSWORD",
        "POSTGRES_SERVER_PASSWORD",
    }
    assert used | in_image | passed_on <= known


def test_the_control_plane_runs_in_production_mode() -> None:
    settings = settings_of("control")
    assert settings.dev is False
    assert settings.identity_from_body is False
    assert settings.public_host == "live.example.com"
    assert settings.secrets_path == Path("/secrets/secrets.json")


def test_what_writes_the_configuration_has_the_settings_of_what_it_is_for() -> None:
    assert settings_of("configuration") == settings_of("control")


def test_only_public_ports_are_published_and_all_of_them() -> None:
    settings = settings_of("control")
    theirs = {name for name in dataclasses.asdict(Ports.of(settings)) if name not in PRIVATE | {"http_port"}}
    for names, ports in (({"http_port"}, published("control")), (theirs, published("mediamtx"))):
        expected = {f"{getattr(settings, name)}{'/udp' if name in UDP else ''}" for name in names}
        assert {container for _, container in ports} == expected
        assert {host for host, _ in ports} == {port.partition("/")[0] for port in expected}, "clients are told the same"
    assert "ports" not in SERVICES["database"]


def test_the_image_exposes_the_public_ports() -> None:
    exposed = set(re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)[0].split())
    assert exposed == {container for service in ("control", "mediamtx") for _, container in published(service)}


def test_the_services_reach_each_other_where_they_listen() -> None:
    settings = settings_of("control")
    assert settings.mediamtx_api_url == f"http://mediamtx:{settings.mediamtx_api_port}"
    assert settings.hooks_url == f"http://control:{settings.hooks_port}/hooks"
    assert settings.mediamtx_api_bind == settings.hooks_bind == settings.bind == "0.0.0.0"


def test_only_what_migrates_has_the_owners_password() -> None:
    owner = SERVICES["database"]["environment"]
    of_owner = (
        f"postgresql://{owner['POSTGRES_USER']}:{owner['POSTGRES_PASSWORD']}@database:5432/{owner['POSTGRES_DB']}"
    )
    assert settings_of("migrate").database_owner_url == of_owner
    assert settings_of("migrate").database_url == settings_of("control").database_url
    assert settings_of("control").database_owner_url == ""
    holding = {name for name, service in SERVICES.items() if owner["POSTGRES_PASSWORD"] in str(service)}
    assert holding == {"database", "roles", "migrate"}


async def test_the_servers_role_is_made_once_and_gets_the_password(postgres: TestPostgres) -> None:
    """With the text of the file, in the shell and with psql."""
    service = SERVICES["roles"]
    async with postgres.database() as dsn:
        for password in ("first", "second'; select 1 / 0 --"):
            where = {"PGHOST": parse_qs(urlsplit(dsn).query)["host"][0], "PGUSER": SUPERUSER}
            database = {
                "PGDATABASE": urlsplit(dsn).path[1:],
                "PATH": f"{programs_for(unprivileged_account())}:{os.defpath}",
            }
            environ = {**where, **database, "SERVER_PASSWORD": password}
            command = [*service["entrypoint"], *(part.replace("$$", "$") for part in service["command"])]
            done = await asyncio.to_thread(subprocess.run, command, env=environ, capture_output=True, text=True)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        connection = await asyncpg.connect(as_superuser(dsn))
        try:
            role = await connection.fetchrow("select * from pg_authid where rolname = 'stagedoor_server'")
            assert role is not None
            assert (role["rolcanlogin"], role["rolsuper"], role["rolpassword"][:13]) == (True, False, "SCRAM-SHA-256")
        finally:
            await connection.execute("drop role stagedoor_server")
            await connection.close()


def test_mediamtx_is_given_the_hook_secret_and_no_other() -> None:
    assert SERVICES["mediamtx"]["environment"] == {}
    assert SERVICES["mediamtx"]["volumes"] == ["mediamtx:/mediamtx:ro"]


def test_what_must_survive_is_in_volumes() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == COMPOSE["volumes"].keys()
    made = re.findall(r"install --directory .*? (/.*)$", DOCKERFILE, re.MULTILINE)[0].split()
    targets = {v.split(":")[1] for name in ("control", "mediamtx", "configuration") for v in SERVICES[name]["volumes"]}
    assert targets == set(made), "a new volume takes the owner of the folder that the image has there"


def test_each_service_that_goes_on_has_a_health_check_and_starts_after_what_it_needs() -> None:
    assert "\nHEALTHCHECK " in DOCKERFILE
    assert SERVICES["mediamtx"]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES["database"]["healthcheck"]["test"][0] == "CMD"
    conditions = {
        name: {other: needed["condition"] for other, needed in service.get("depends_on", {}).items()}
        for name, service in SERVICES.items()
    }
    assert conditions == {
        "control": {
            "migrate": "service_completed_successfully",
            "mediamtx": "service_healthy",
            "configuration": "service_completed_successfully",
        },
        "mediamtx": {"configuration": "service_completed_successfully"},
        "configuration": {},
        "migrate": {"roles": "service_completed_successfully"},
        "roles": {"database": "service_healthy"},
        "database": {},
    }


def test_the_image_runs_without_privileges_and_holds_no_secret() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    assert len(stages) == 3
    assert re.findall(r"^USER (.*)$", stages[-1], re.MULTILINE) == ["10001"]
    assert not {info.variable for info in describe() if info.secret} & image_environment().keys()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert {path.name for path in ROOT.iterdir()} - copied >= {".git", "tests", "compose.yaml"}
    assert {package for package in packages() if package not in copied} == set()


def packages() -> set[str]:
    """The packages in setup.cfg."""
    config = (ROOT / "setup.cfg").read_text()
    return set(re.findall(r"^    (\w+)\*$", config, re.MULTILINE))


async def test_the_configuration_that_mediamtx_would_run_with_is_accepted(tmp_path: Path) -> None:
    """Run the real MediaMTX with the configuration, on the loopback interface and free ports."""
    settings = settings_of("configuration")
    hooks = load_or_create(tmp_path / "secrets.json")[Purpose.HOOK]
    config = configuration(settings, Ports.of(settings), hooks, hook_command(SCRIPT, tmp_path / "hook"))
    local = dataclasses.replace(config, bind="127.0.0.1", api_bind="127.0.0.1", **free_ports())

    async def decide(_: AccessRequest) -> Verdict:
        raise AssertionError("nobody publishes or reads")

    listener = HooksListener(hooks, decide, lambda _: None, HookMetrics(Metrics()))
    runner = web.ServerRunner(web.Server(listener.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    local = dataclasses.replace(local, hooks_url=f"http://127.0.0.1:{runner.addresses[0][1]}/hooks")
    process = MediaMTXProcess(obtain(), local, tmp_path / "mediamtx")
    try:
        await process.start()
        inspected = await inspect(local_url("127.0.0.1", local.api_port), local.api_password)
        await runner.cleanup()  # as long as `control` has not started, too
        *python, script = SERVICES["mediamtx"]["healthcheck"]["test"][1:]
        assert python[0] == "python"
        check = await asyncio.create_subprocess_exec(
            sys.executable, *python[1:], script.replace(":9997/", f":{local.api_port}/")
        )
        assert await asyncio.wait_for(check.wait(), 30) == 0
    finally:
        await process.stop()
        await runner.cleanup()
    assert inspected.differs(local) == ()


def test_the_workflow_calls_targets_that_exist() -> None:
    workflow = YAML(typ="safe").load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    targets = re.findall(r"\bmake ([a-z]+)", "\n".join(steps))
    assert targets == ["test"]
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.MULTILINE)
