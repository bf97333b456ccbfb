"""What each rule's jobs took, and what they were asked for."""

from __future__ import annotations

from treeline.report.facts.collection import Collection, Rows


def measure_rules(collection: Collection) -> Rows:
    """Make the table `rules`."""
    return []
