"""For all tests. Numeric libraries take one thread, as in the app and on the command line."""

from fields_core.threads import prefer_one_thread

prefer_one_thread()
