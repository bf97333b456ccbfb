"""`treeline models export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treeline.logs import LogOption
from treeline.models.app import app


@app.command("export")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    dataset: Annotated[Path, typer.Option(help="Folder of the dataset that it was trained on.", show_default=False)],
    output: Annotated[Path, typer.Option(help="Folder for model.onnx, model.json and README.md.", show_default=False)],
    log: LogOption = None,
) -> None:
    """Write a model as ONNX, compare it with the trained one, and describe it in a model card."""
    from treeline.models.export.run import export_run

    parity = export_run(run, dataset, output)
    agreement = "" if parity.top_1_agreement is None else f"; both say the same in {parity.top_1_agreement:.2%}"
    typer.echo(
        f"{output}: compared on {sum(parity.images.values())} images, outputs differ by at most "
        f"{parity.outputs_difference:.1e}, embeddings by {parity.embedding_difference:.1e}{agreement}"
    )
