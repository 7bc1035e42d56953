class BenchmarkError(Exception):
    """What stops the benchmark, as one sentence."""
