"""What setup.py is made of: one concern per file, Python's standard library only."""
