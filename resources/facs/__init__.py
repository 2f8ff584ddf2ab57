"""Facts about facial action units; see PROVENANCE.md."""
