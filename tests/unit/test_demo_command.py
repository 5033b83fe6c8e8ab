"""The options of `txplatform demo`."""

from __future__ import annotations

from argparse import ArgumentParser

from txplatform.cli import demo


def test_the_api_of_the_demo_has_port_8000_unless_another_is_given() -> None:
    """Bookmarks, documents and scripts have this port."""
    parser = ArgumentParser()
    demo.configure(parser)
    assert parser.parse_args([]).port == 8000
    assert parser.parse_args(["--port", "8100"]).port == 8100
