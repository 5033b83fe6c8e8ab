"""Clients generated from the OpenAPI document of a running API, compiled and run."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from harness.api import RunningApi

_SOURCES = Path(__file__).parent / "generated"
_CACHE = Path(__file__).parents[2] / ".cache"
_FAST_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_ONLY_CODE = "models,apis,supportingFiles,modelDocs=false,apiDocs=false,modelTests=false"


def run_java_client(api: RunningApi, folder: Path) -> str:
    """Generate, compile and run a Java client in an empty folder, and return what it prints."""
    _require("java", "javac", "mvn")
    libraries = _fetched("java-client", ("java.xml", "java.sha256"), _fetch_jars)
    (generator,) = libraries.glob("openapi-generator-cli-*.jar")
    _run(
        folder,
        *("java", *_FAST_START, "-jar", generator, "generate", "--output", "generated"),
        *("--input-spec", f"{api.url}/openapi.json", "--generator-name", "java"),
        *("--library", "native", "--global-property", f"{_ONLY_CODE},apiTests=false"),
    )
    sources = [*(folder / "generated/src/main/java").rglob("*.java"), _SOURCES / "Program.java"]
    classes = f"classes:{':'.join(str(each) for each in libraries.glob('*.jar'))}"
    flags = ("-J-XX:TieredStopAtLevel=1", "-nowarn", "-proc:none", "-d", "classes")
    _run(folder, "javac", *flags, "-classpath", classes, *sources)
    return _run(folder, "java", *_FAST_START, "-cp", classes, "Program", api.url, api.key)


def run_typescript_client(api: RunningApi, folder: Path) -> str:
    """Generate, compile and run a TypeScript client in an empty folder, and return what it prints.

    The options of the generator and of the compiler are the defaults, and strict.
    """
    _require("node", "npm")
    packages = _fetched("typescript-client", ("package.json", "package-lock.json"), _fetch_packages)
    (folder / "node_modules").symlink_to(packages / "node_modules")
    for name in ("package.json", "tsconfig.json", "program.ts"):
        shutil.copy(_SOURCES / name, folder)
    tools = folder / "node_modules" / ".bin"
    _run(folder, tools / "openapi-typescript", f"{api.url}/openapi.json", "--output", "api.ts")
    _run(folder, tools / "tsc", "--project", ".")
    return _run(folder, "node", "out/program.js", api.url, api.key)


def _require(*programs: str) -> None:
    if missing := [each for each in programs if shutil.which(each) is None]:
        reason = f"needs {', '.join(missing)} to generate a client"
        if os.environ.get("TXPLATFORM_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)


def _run(folder: Path, *words: str | Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words[0]}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def _fetched(name: str, pins: tuple[str, ...], fetch: Callable[[Path], None]) -> Path:
    """Return the folder with pinned libraries, fetched once, even by several test processes."""
    contents = b"".join((_SOURCES / pin).read_bytes() for pin in pins)
    folder = _CACHE / f"{name}-{sha256(contents).hexdigest()[:12]}"
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            fetch(partial)
            partial.rename(folder)
    return folder


def _fetch_jars(folder: Path) -> None:
    pom = ("-f", str(_SOURCES / "java.xml"), f"-DoutputDirectory={folder}")
    subprocess.run(["mvn", "-q", "-B", *pom, "dependency:copy-dependencies"], check=True)
    _run(folder, "sha256sum", "--check", "--strict", "--quiet", _SOURCES / "java.sha256")


def _fetch_packages(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_SOURCES / name, folder)
    _run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
