"""`python -m fields_app`."""

import sys

from fields_app.app import main

sys.exit(main())
