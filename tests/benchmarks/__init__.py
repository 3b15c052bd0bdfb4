"""``python -m tests.benchmarks [AREA...]``: each number beside its goal and its peer, from the same run."""
