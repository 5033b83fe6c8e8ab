"""Lets `python -m txplatform.cli` run the command."""

import sys

from txplatform.cli import main

sys.exit(main())
