"""Names of the forms, for the command line, which does not wait for torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from treeline.errors import ConfigError

FormName = Literal[
    "eager",
    "compiled",
    "bfloat16",
    "float16",
    "exported",
    "pruned-30",
    "pruned-50",
    "pruned-80",
    "cut-25",
    "cut-50",
    "int8-dynamic",
    "int8-static",
]
FORM_NAMES: tuple[FormName, ...] = get_args(FormName)
"""In the order in which they are made and listed."""
EAGER: FormName = "eager"
"""The model as it is, with which the others are compared."""
EXPORTED: FormName = "exported"
"""The model in an ONNX file, from which the int8 forms are made."""
ALWAYS = (EAGER, EXPORTED)
"""Forms that are made whatever is asked for: without them nothing is smaller or faster than anything."""


def check_forms(names: Sequence[str]) -> list[FormName]:
    """The forms of these names, each once, in the order of `FORM_NAMES`.

    Raises:
        ConfigError: There is no form of a name.
    """
    for name in names:
        if name not in FORM_NAMES:
            raise ConfigError(f"--forms: there is no form {name}; there are {', '.join(FORM_NAMES)}.")
    return [name for name in FORM_NAMES if name in names or name in ALWAYS]
