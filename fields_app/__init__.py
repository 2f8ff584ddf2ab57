"""FIELDS desktop application (Qt). Everything that computes is in fields_core."""
