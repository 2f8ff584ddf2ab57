"""``python -m fields_core.cli``: the command line where the console script is not on the path."""

import sys

from fields_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
