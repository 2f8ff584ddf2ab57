"""The open head: the default head model, and the script that builds it from CC0 sources."""
