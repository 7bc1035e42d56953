"""The benchmark's contenders in PyTorch. Needs the reference environment (`make reference-venv`)."""
