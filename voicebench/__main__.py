"""`python -m voicebench`: the same command line without the console script."""

import sys

from voicebench.cli import main

sys.exit(main())
