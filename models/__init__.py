"""The networks and the geometry they stand on (torch)."""
