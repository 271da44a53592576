"""Side-by-side measurements against the targets: `python -m benchmarks`, or `make bench`.

Only ratios are reported. Both sides of each run in turns on the same machine in the same minutes, because absolute
times drift by a factor of two within an hour.
"""
