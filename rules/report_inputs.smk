"""
What the report waits for, and what is noted of the rules for it. No rules.
"""

from treeline.report.asked import note_rules


def made_last(stage):
    """What tells that a stage is done.

    Of stages with a file for each shard what comes last, if anything does: Snakemake's plan need not hold all of them
    once more.
    """
    if stage == "download":
        return paths.schedule / "_verification.csv"
    if stage == "tools":
        images = [paths.shard_images(tool, SERVER, PARTITION) for tool in MAKERS]
        exif = [paths.tool("exif") / "exif.parquet"] if "exif" in TOOLS else []
        return [paths.tool(tool) / "report.csv" for tool in JUDGES] + exif + [every_shard(*images)] * bool(images)
    if stage == "decode" and "detect" in settings.stages:
        return []
    if stage == "detect":
        return [paths.detections_table, *AFTER_DETECTION, *found_for(settings.decode)]
    return getattr(rules, stage).input


def wildcards_of_large_jobs():
    """Those of the shard with most rows, and of a run, for what a rule asks for by them."""
    shards = read_manifest(paths.manifest) if paths.manifest.exists() else []
    largest = max(shards, key=lambda shard: shard.rows, default=None)
    of_shard = {} if largest is None else {"server_name": largest.server, "partition_id": str(largest.partition)}
    return {**of_shard, **({"run": next(iter(RUNS))} if RUNS else {})}
