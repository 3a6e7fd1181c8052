"""Builds the compiled part of the flattening for every system, with Zig's C compiler, which crosses to all of them.

`make native` runs this in an environment of its own. The same source gives the same bytes.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("documents.c")
BINARIES = SOURCE.parents[1] / "chalicelib" / "binaries"

TARGETS = {
    "linux-x86_64": "x86_64-linux-gnu.2.17",
    "linux-aarch64": "aarch64-linux-gnu.2.17",
    "darwin-x86_64": "x86_64-macos",
    "darwin-aarch64": "aarch64-macos",
}
"""Zig's name of each system, by the name of its binary."""

OPTIONS = [
    *("-O2", "-std=c11", "-Wall", "-Wextra", "-Werror"),
    *("-shared", "-fPIC", "-ffreestanding", "-nostdlib", "-fno-stack-protector", "-s"),
]


def source_digest() -> str:
    """Return the SHA-256 of the source, in hexadecimal digits."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def main() -> None:
    """Build all binaries."""
    BINARIES.mkdir(exist_ok=True)
    for name, target in TARGETS.items():
        out = BINARIES / f"{name}.so"
        define = f'-DSOURCE_DIGEST="{source_digest()}"'
        zig = [sys.executable, "-m", "ziglang", "cc", "-target", target, *OPTIONS, define]
        if "macos" in target:
            zig += ["-Wl,-install_name,@rpath/documents.so"]
        subprocess.run([*zig, "-o", str(out), SOURCE.name], cwd=SOURCE.parent, check=True)
        out.chmod(0o644)
        print(f"{out.name}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
