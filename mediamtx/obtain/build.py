"""Build MediaMTX from its Go module, as its release does. `hls.min.js`, a file of `go generate`, comes from npm."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mediamtx.obtain.cache import sha256_of
from mediamtx.obtain.pinned import GO_MODULE, GO_MODULE_SUM, HLS_JS_SHA256, VERSION
from mediamtx.obtain.step import Progress, StepFailed, last_words, run_step
from mediamtx.obtain.toolchain import Toolchain

_FETCH_S = 300.0
_COMPILE_S = 900.0
_NO_RETRIES = ("--fetch-retries=0", "--fetch-timeout=30000")
"""Fail at once without a network. By default npm retries for minutes, while the caller has other sources to try."""
_RPI_CAMERA = Path("internal/staticsources/rpicamera")


def build(toolchain: Toolchain, scratch: Path, progress: Progress) -> Path:
    """Build in `scratch` and return the executable. GOPROXY, GOFLAGS and npm's settings apply. Raises StepFailed."""
    go = toolchain.go()
    job = _Build(go, scratch, _environment(), progress)
    source = job.copied_module()
    _write_version(source)
    shutil.copyfile(job.hls_js(toolchain.npm(), source), source / "internal/servers/hls/hls.min.js")
    without_rpi_camera(source)
    return job.compile(source)


@dataclass(frozen=True, slots=True)
class _Build:
    go: Path
    scratch: Path
    env: dict[str, str]
    progress: Progress

    def _run(
        self, argv: list[str | Path], what: str, timeout_s: float, cwd: Path, why: Callable[[str], str] = last_words
    ) -> str:
        return run_step(argv, progress=self.progress, what=what, timeout_s=timeout_s, cwd=cwd, env=self.env, why=why)

    def copied_module(self) -> Path:
        """Return a writable copy of the module: Go keeps its module cache read-only and refuses overlays inside it."""
        argv: list[str | Path] = [self.go, "mod", "download", "-json", f"{GO_MODULE}@{VERSION}"]
        module = json.loads(self._run(argv, f"fetching the Go module of MediaMTX {VERSION}", _FETCH_S, self.scratch))
        if module.get("Sum") != GO_MODULE_SUM:
            raise StepFailed(f"the Go module of MediaMTX {VERSION} is not the one that we pin ({module.get('Sum')})")
        source = self.scratch / "source"
        shutil.copytree(module["Dir"], source, copy_function=shutil.copyfile)
        for folder, _, _ in os.walk(source):
            Path(folder).chmod(0o755)
        return source

    def hls_js(self, npm: list[str | Path], source: Path) -> Path:
        version = (source / "internal/servers/hls/hlsjsdownloader/VERSION").read_text(encoding="ascii").strip()
        package = f"hls.js@{version.removeprefix('v')}"
        argv = [
            *npm,
            "pack",
            package,
            "--json",
            "--silent",
            "--ignore-scripts",
            "--pack-destination",
            ".",
            *_NO_RETRIES,
        ]
        packed = self._run(argv, f"fetching {package}", _FETCH_S, self.scratch, npm_reason)
        target = self.scratch / "hls.min.js"
        try:
            name = json.loads(packed)[0]["filename"]
            with tarfile.open(self.scratch / name, "r:gz") as tar:
                member = tar.extractfile("package/dist/hls.min.js")
                target.write_bytes(member.read() if member else b"")
        except (tarfile.TarError, LookupError, TypeError, ValueError, OSError) as error:
            raise StepFailed(f"{package} cannot be unpacked ({error})") from error
        if sha256_of(target) != HLS_JS_SHA256:
            raise StepFailed(f"{package} does not have the pinned SHA-256")
        return target

    def compile(self, source: Path) -> Path:
        self._run([self.go, "mod", "download"], "fetching the Go modules that MediaMTX imports", _FETCH_S, source)
        target = self.scratch / "mediamtx"
        argv: list[str | Path] = [self.go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", target, "."]
        self._run(argv, "building MediaMTX (a minute or two)", _COMPILE_S, source)
        return target


def npm_reason(output: str) -> str:
    """Return the error summary from the output of `npm --json`, which reports errors as a JSON object."""
    try:
        return str(json.loads(output)["error"]["summary"])[:400]
    except (ValueError, LookupError, TypeError):
        return last_words(output)


def _environment() -> dict[str, str]:
    """The caller's environment, without cross-compilation, another GOROOT or a Go workspace."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("GOOS", "GOARCH", "GOROOT")}
    return {**inherited, "CGO_ENABLED": "0", "GOWORK": "off"}


def _write_version(source: Path) -> None:
    (source / "internal/core/VERSION").write_text(VERSION, encoding="ascii")


def without_rpi_camera(source: Path) -> None:
    """Remove the Raspberry Pi camera's arm sources, whose folder the module lacks; build its stub on all platforms."""
    folder = source / _RPI_CAMERA
    for file in [*folder.glob("*_arm_.go"), *folder.glob("camera_linux_arm*.go")]:
        file.unlink()
    stand_in = folder / "source_other.go"
    lines = stand_in.read_text(encoding="utf-8").splitlines(keepends=True)
    stand_in.write_text("".join(line for line in lines if not line.startswith("//go:build ")), encoding="utf-8")
