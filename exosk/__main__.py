"""Run the command line with ``python -m exosk``."""

import sys

from exosk.cli import main

sys.exit(main())
