"""
Download batches of URLs into shards of images.

IN   urls/manifest.parquet, urls/server_name=S/partition_id=N/urls.parquet
     ignored.csv   optional: servers that are not to be asked
OUT  profiles.csv  batches, results and rate limit of each server; yours to edit
     schedules/server_profiles.csv  what was measured of each server: docs/download.md, Profiling
     schedules/unreachable.csv      servers that gave not one answer, as rows to copy to ignored.csv
     schedules/current/0000/{_config,0000,_jobs_ids,_verification,_errors}.csv
     schedules/current/0000/fleet_completed   only with `mode: fleet`
     checkpoint.yaml
     images/server_name=S/partition_id=N/{successes,errors}.parquet, completed
     images/server_name=S/partition_id=N/errors.0001.parquet, ...   what a shard's errors were before each retry
     logs/requests/server_name=S/partition_id=N.parquet   a row for each request

A shard waits for the shard before it in its lane, so that no server is asked faster than its limit, however many cores or nodes there are.
"""


rule download:
    """Download every batch of every server that is not ignored."""
    input:
        every_shard(SHARD / "successes.parquet"),
        every_shard(SHARD / "errors.parquet"),
        paths.schedule / "_verification.csv",
        marker_of_retries,  # here too, as Snakemake makes a missing file only for who is asked for or has to run
    localrule: True


rule profile_servers:
    """Measure servers, if the input is large, and note how fast each may be asked; an edited rate stays."""
    input:
        manifest=paths.manifest,
        ignored=[paths.ignored] if paths.ignored.exists() else [],
    output:
        profiles=update(paths.profiles),
        measurements=paths.schedules / "server_profiles.csv",
        unreachable=paths.schedules / "unreachable.csv",
        profiled=touch(paths.schedules / "profiled"),
    log:
        paths.logs / "profiler.log",
    localrule: True
    conda:
        "../envs/treeline.yaml"
    params:
        urls=paths.urls,
        ignored=paths.ignored,
        schedules=paths.schedules,
        checkpoint=paths.checkpoint,
        samples=settings.download.profile_samples,
        from_rows=settings.download.profile_from_rows,
        parameters=verbatim(settings.downloader_parameters.model_dump_json(exclude_defaults=True)),
    shell:
        """
        treeline download profile \
            --manifest {input.manifest:q} \
            --urls {params.urls:q} \
            --ignored {params.ignored:q} \
            --profiles {output.profiles:q} \
            --schedules {params.schedules:q} \
            --checkpoint {params.checkpoint:q} \
            --samples {params.samples} \
            --from-rows {params.from_rows} \
            --parameters {params.parameters:q} \
            --log {log:q}
        """


rule retry_errors:
    """Put finished shards back into the spool without their errors of the codes {params.codes}, once for each code."""
    output:
        touch(paths.schedules / "retried" / "{digest}"),
    log:
        paths.logs / "retried" / "{digest}.log",
    conda:
        "../envs/treeline.yaml"
    resources:
        mem_mb=memory_of("retry_errors"),
    params:
        images=paths.images,
        urls=paths.urls,
        ignored=paths.ignored,
        codes=[f"--code={code}" for code in settings.download.retry_errors],
    shell:
        """
        treeline download retry \
            --images {params.images:q} \
            --urls {params.urls:q} \
            --ignored {params.ignored:q} \
            --once {params.codes} \
            --log {log:q}
        """


checkpoint schedule_downloads:
    """Write down which lane downloads which shards, at which rate; an older schedule is kept under the next number."""
    input:
        manifest=paths.manifest,
        profiled=paths.schedules / "profiled",
        ignored=[paths.ignored] if paths.ignored.exists() else [],
        retried=marker_of_retries,
    output:
        config=update(paths.schedule / "_config.csv"),
        lanes=update(paths.schedule / "0000.csv"),
    log:
        paths.logs / "schedule_creation.log",
    localrule: True
    conda:
        "../envs/treeline.yaml"
    params:
        ignored=paths.ignored,
        checkpoint=paths.checkpoint,
        profiles=paths.profiles,
        schedules=paths.schedules,
        logs=paths.logs,
        schedule_rules=json.dumps(settings.schedule_rules),
        max_lanes=settings.downloader_parameters.max_lanes,
    shell:
        """
        treeline download schedule \
            --manifest {input.manifest:q} \
            --ignored {params.ignored:q} \
            --profiles {params.profiles:q} \
            --checkpoint {params.checkpoint:q} \
            --schedules {params.schedules:q} \
            --logs {params.logs:q} \
            --schedule-rules {params.schedule_rules:q} \
            --max-lanes {params.max_lanes} \
            --log {log:q}
        """


checkpoint download_fleet:
    """Fill the spool with the shards of the whole schedule: one job of a few processes, which wait for many servers."""
    input:
        manifest=paths.manifest,
        schedule=paths.schedule / "0000.csv",
    output:
        completed=touch(paths.schedule / "fleet_completed"),
    log:
        paths.logs / "current" / "fleet.log",
    benchmark:
        paths.logs / "benchmarks" / "download_fleet.jsonl"
    conda:
        "../envs/treeline.yaml"
    threads: 1
    resources:
        # The other ranks go on when one dies.
        **mpi_resources(settings.download.fleet_ranks, "mpiexec -disable-auto-cleanup"),
        mem_mb=memory_of("download_fleet"),
        runtime=minutes_of_fleet,
    params:
        launcher=mpi_launcher,
        ranks=settings.download.fleet_ranks,
        shards_per_rank=settings.download.shards_per_rank,
        urls=paths.urls,
        images=paths.images,
        logs=paths.logs,
        profiles=paths.profiles,
        parameters=verbatim(settings.downloader_parameters.model_dump_json(exclude_defaults=True)),
        refetch="--refetch" if settings.download.refetch else "",
    shell:
        """
        {params.launcher} treeline download fleet \
            --manifest {input.manifest:q} \
            --schedule {input.schedule:q} \
            --urls {params.urls:q} \
            --images {params.images:q} \
            --logs {params.logs:q} \
            --profiles {params.profiles:q} \
            --parameters {params.parameters:q} \
            --ranks {params.ranks} \
            --shards-per-rank {params.shards_per_rank} \
            --threads {threads} {params.refetch} \
            --log {log:q}
        """


rule download_shard:
    """Fetch the images of one batch, after the shard before it in its lane; after a fleet, link what that fetched."""
    input:
        batch=BATCH,
        previous=shard_before_in_lane,
    output:
        successes=SHARD / "successes.parquet",
        errors=SHARD / "errors.parquet",
        completed=SHARD / "completed",
    log:
        paths.logs / "current" / f"{SHARD_NAME}.log",
    group:
        None if FLEET else cluster_job("download", settings.download.shards_per_job)
    localrule: FLEET
    conda:
        "../envs/treeline.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("download_shard"),
        runtime=minutes_of_download,
    params:
        output=str(SHARD),
        spool=str(paths.spool(SERVER, PARTITION)),
        profiles=paths.profiles,
        place=place_in_schedule,
        requests=str(paths.requests(SERVER, PARTITION)),
        parameters=verbatim(settings.downloader_parameters.model_dump_json(exclude_defaults=True)),
        refetch="--refetch" if settings.download.refetch and not FLEET else "",
    shell:
        """
        treeline download shard \
            --batch {input.batch:q} \
            --output {params.output:q} \
            --spool {params.spool:q} \
            --profiles {params.profiles:q} \
            {params.place} \
            --requests {params.requests:q} \
            --parameters {params.parameters:q} \
            --threads {threads} {params.refetch} \
            --log {log:q}
        """


rule verify_downloads:
    """Check that every shard is complete, and fill the profiles table with what was learned."""
    input:
        completed=every_shard(SHARD / "completed"),
        manifest=paths.manifest,
        schedule=paths.schedule / "0000.csv",
    output:
        verification=paths.schedule / "_verification.csv",
        errors=paths.schedule / "_errors.csv",
    log:
        paths.logs / "current" / "verifier.log",
    localrule: True
    conda:
        "../envs/treeline.yaml"
    params:
        ignored=paths.ignored,
        images=paths.images,
        schedule=paths.schedule,
        profiles=paths.profiles,
        checkpoint=paths.checkpoint,
    shell:
        """
        treeline download verify \
            --manifest {input.manifest:q} \
            --ignored {params.ignored:q} \
            --images {params.images:q} \
            --schedule {params.schedule:q} \
            --profiles {params.profiles:q} \
            --checkpoint {params.checkpoint:q} \
            --log {log:q}
        """
