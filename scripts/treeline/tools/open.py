"""Find the tool that a name and its block of the configuration stand for."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from treeline.config_tools import CustomTool, FilterByUuid, ImageVerification, Selection, SizeBased, ToolsParameters
from treeline.errors import ConfigError, TreelineError
from treeline.io.manifest import ShardId
from treeline.io.names import encode_server_name, server_of_folder
from treeline.tools.judge import Judge


def read_block(tool: str, parameters: str) -> Selection:
    """Read a tool's block of the configuration.

    Args:
        tool: Its name; any other than one of Treeline's is a custom tool.
        parameters: The block as JSON.

    Raises:
        ConfigError: The block is refused.
    """
    block = json.loads(parameters)
    is_custom = tool not in ToolsParameters.model_fields
    alone = {**block, "images_from": "images", "keep": []}  # what it takes from others has been checked with them
    try:
        tools = ToolsParameters.model_validate({"custom": {tool: alone}} if is_custom else {tool: alone})
    except ValidationError as error:
        raise ConfigError(f"tools_parameters.{tool}: {error.errors(include_url=False)[0]['msg']}") from None
    return dict(tools.items())[tool]


def open_judge(block: Selection, max_pixels: int) -> Judge:
    """Make the tool that judges by a block of the configuration.

    Args:
        block: Of a tool that judges by batches of rows.
        max_pixels: Largest height x width that is decoded.

    Raises:
        InputError: A file that the block names cannot be read.
    """
    if isinstance(block, ImageVerification):
        from treeline.tools.image_verification import image_verification

        return image_verification(block, max_pixels)
    if isinstance(block, SizeBased):
        from treeline.tools.size_based import size_based

        return size_based(block)
    if isinstance(block, FilterByUuid):
        from treeline.tools.filter_by_uuid import filter_by_uuid

        return filter_by_uuid(block)
    if isinstance(block, CustomTool):
        from treeline.tools.custom import custom

        return custom(Path(block.file))
    raise TypeError(f"{type(block).__name__} does not judge by batches of rows")


def shard_of(successes: Path) -> ShardId:
    """Which shard a table is, by its folders.

    Raises:
        TreelineError: They do not say.
    """
    server, partition = server_of_folder(successes), successes.parent.name.partition("partition_id=")[2]
    if server is None or not partition.isdigit():
        raise TreelineError(
            f"{successes}: does not lie in .../server_name=S/partition_id=N/, which says which shard it is."
        )
    return ShardId(encode_server_name(server), int(partition))
