"""The plan to a billion URLs: what a collection of any size takes, from costs that are measured here.

Costs lie in docs/scale/costs.json; docs/scale.md has tables and figures of them:

    python -m tests.benchmarks.scale measure
    python -m tests.benchmarks.scale plan --urls 200000000 --servers 545
    python -m tests.benchmarks.scale.write
"""
