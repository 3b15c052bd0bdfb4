"""What every editor must do, written once and run over each: ``pytest tests/editors/scenarios -k nvim``.

The name of a scenario is its test's without ``test_``; the first line of its docstring is its row in the
table of docs/editors.md, which ``python -m tests.editors.table`` writes.
"""
