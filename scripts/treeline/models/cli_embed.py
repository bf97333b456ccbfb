"""`treeline models embed` and `treeline models similar`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treeline.choices import MAX_PIXELS
from treeline.logs import LogOption
from treeline.models.app import app
from treeline.options import MaxPixelsOption

if TYPE_CHECKING:
    import pyarrow as pa

DIGITS = 4
"""Of numbers that are printed; files have all."""


@app.command("embed")
def embed(
    model: Annotated[Path, typer.Argument(help="ONNX file that `treeline models export` has written.")],
    archive: Annotated[Path, typer.Argument(help="Images: .tar, .tar.gz, a folder, or a shard's .parquet.")],
    output: Annotated[Path, typer.Option(help="Target Parquet; beside it, a CSV of the images that have none.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Images that the model sees at once.")] = 32,
    max_pixels: MaxPixelsOption = MAX_PIXELS,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    log: LogOption = None,
) -> None:
    """Embed the images of one shard; after a kill, go on where it was."""
    from treeline.models.embeddings.shard import embed_shard

    embed_shard(archive, output, model=model, batch_size=batch_size, max_pixels=max_pixels, threads=threads)


@app.command("similar")
def similar(
    embeddings: Annotated[
        list[Path], typer.Argument(help="Files that `treeline models embed` has written, or folders.")
    ],
    image: Annotated[Path | None, typer.Option(help="Find what is similar to this image.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Or to this one of the collection, by its uuid.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="The model that has made the embeddings; `--image` needs it.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Most images to find.")] = 10,
    output: Annotated[Path | None, typer.Option(help="Target: .parquet, .csv or .json.")] = None,
    memory_mb: Annotated[int, typer.Option(min=512, help="Memory to work in, in MiB.")] = 1024,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    log: LogOption = None,
) -> None:
    """Find the images of a collection that are most similar to one, by their embeddings."""
    from treeline.errors import TreelineError
    from treeline.models.embeddings.files import find_embeddings
    from treeline.models.embeddings.search import EmbeddingSearch, check_suffix, write_answer

    if (image is None) == (id_ is None):
        raise TreelineError("Give either --image or --id.")
    if output is not None:
        check_suffix(output)
    search = EmbeddingSearch(find_embeddings(embeddings), memory_mb=memory_mb, threads=threads)
    if image is not None and model is not None:
        wanted = search.wanted_by_image(image, model)
    elif image is not None:
        raise TreelineError("--image needs --model, the ONNX file that has made the embeddings.")
    else:
        if model is not None:
            search.check_model(model)
        wanted = search.wanted_by_id(str(id_))
    answer = search.nearest(wanted, count)
    _print(answer)
    if output is not None:
        write_answer(output, answer)


def _print(answer: pa.Table) -> None:
    from treeline.console import new_table, open_console, printable

    table = new_table("")
    rows = answer.to_pylist()
    for name in answer.column_names:
        is_number = bool(rows) and isinstance(rows[0][name], float)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        shown = (f"{value:.{DIGITS}f}" if isinstance(value, float) else printable(str(value)) for value in row.values())
        table.add_row(*shown)
    open_console().print(table)
