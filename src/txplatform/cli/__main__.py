"""Run the command as `python -m txplatform.cli`."""

import sys

from txplatform.cli import main

sys.exit(main())
