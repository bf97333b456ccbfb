"""Make `docs/figures/report.png`: figures of the report on the example's collection, on one sheet.

make demo
python -m resources.example.collection_sheet
"""

from __future__ import annotations

import sys
from pathlib import Path

from resources.example.report_sheet import put_together

SHEET = Path(__file__).parents[2] / "docs" / "figures" / "report.png"
REPORTS = Path("results/reports")
SHOWN = (
    *("flow_images", "rates", "server_rates", "politeness", "limits", "servers", "errors", "size_width", "size_bytes"),
    *("licenses", "attribution", "confidence", "thresholds", "rule_times", "rule_memory", "rule_longest", "disk"),
)


def main() -> None:
    """Put the sheet together of `results/reports`, or of the folder of another report."""
    figures = Path(sys.argv[1] if len(sys.argv) > 1 else REPORTS) / "figures"
    put_together([figures / f"{name}.png" for name in SHOWN]).save(SHEET, optimize=True)


if __name__ == "__main__":
    main()
