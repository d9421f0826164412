"""The pinned version of MediaMTX and the digests of its release archives, Go module and player script."""

from __future__ import annotations

import platform

VERSION = "v1.20.1"

RELEASE_URL = "https://github.com/bluenviron/mediamtx/releases/download"
"""Below it: `<version>/mediamtx_<version>_<os>_<arch>.tar.gz`."""

RELEASE_SHA256 = {
    "linux_amd64": "81b143f55a5d23d4a8c028d52869c14ea4a59919900528698fcc97a747fd69c6",
    "linux_arm64": "d1689f0bfefb1864e5ed3dcc8495eb2d7ec0a654f90bf3cd48980cb3bd08718a",
}
"""SHA-256 of the release archive of each platform. On a platform that is not listed, MediaMTX is built from its Go
module, which has a sum of its own. To add a platform: `gh attestation verify <archive> --repo bluenviron/mediamtx`,
then `sha256sum <archive>`."""

GO_MODULE = "github.com/bluenviron/mediamtx"
GO_MODULE_SUM = "h1:nY/EAViwn1zN9krUOTCsuU7v+cAdJ62jdrcc8pI9grI="
GO_VERSION_MIN = (1, 26)
"""From the `go` line of the module's go.mod."""

HLS_JS_SHA256 = "1f28c6a43deedddbd59aea4c119bd788f5e2347772c19da1f6f92f8d0032d9dc"
"""Of dist/hls.min.js in the npm package hls.js, at the version that MediaMTX's module names (v1.7.0)."""

_ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "armv7",
    "armv6l": "armv6",
}


def release_platform() -> str:
    """`<os>_<arch>` as in the names of release archives and of cache folders, e.g. linux_amd64."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_ARCHITECTURES.get(machine, machine)}"
