"""FIELDS core: photo -> 3D head. No Qt anywhere below here."""
