"""`python -m advisor.cli`, where the console script is not on the path."""

import sys

from advisor.cli import main

sys.exit(main())
