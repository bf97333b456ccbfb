"""Conversion of detections there and back, for the tests of every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.results import package_errors
from treeline.detections.convert import ConvertReport, Format, convert


def there(file: Path, target: Path, to: Format, **options: Any) -> ConvertReport:
    return convert(file, target, from_format=Format.RESULTS, to_format=to, **options)


def back(source: Path, target: Path, from_: Format, **options: Any) -> Any:
    convert(source, target, from_format=from_, to_format=Format.RESULTS, **options)
    assert package_errors(target) == []
    return json.loads(target.read_bytes())
