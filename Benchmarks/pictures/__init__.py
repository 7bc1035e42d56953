"""The benchmark's pictures. Needs matplotlib."""
