"""
The runs that the configuration names, and the functions that give their rules inputs, options and resources. No rules.
"""

import os

from treeline.models.runs import check_dataset, read_runs, sweeps_of
from treeline.models.targets import model_targets

EXPERIMENT = str(Path(settings.models.folder) / "{experiment}.yaml")
RUN = paths.model("{run}")
MODEL_LOGS = paths.logs / "models"
MODEL_BENCHMARKS = paths.logs / "benchmarks" / "models"

try:
    RUNS = read_runs(settings.models)
    for run in RUNS.values():
        described = DATASETS.get(run.experiment.dataset)
        check_dataset(
            run,
            None if described is None else described.task,
            [] if described is None else [encoding.kind for encoding in described.encodings],
        )
except TreelineError as error:
    raise WorkflowError(str(error)) from None

SWEEPS = sweeps_of(RUNS.values())


wildcard_constraints:
    run=one_of(RUNS),
    experiment=one_of(settings.models.names),


def experiment_of(wildcards):
    """What a run is trained with."""
    return RUNS[wildcards.run].experiment


def dataset_of_run(wildcards):
    """Folder of the dataset that a run learns from."""
    return paths.dataset(experiment_of(wildcards).dataset)


def samples_of_run(wildcards):
    """The form of the dataset that a run reads."""
    return dataset_of_run(wildcards) / TARGETS[experiment_of(wildcards).encoding]


def file_of_dataset(name):
    """An input function that gives a file of the dataset that a run learns from."""

    def of_run(wildcards):
        return dataset_of_run(wildcards) / name

    return of_run


def evaluation_of_run(wildcards):
    """What a run's model gives for each image of its dataset."""
    return paths.model_evaluation(wildcards.run, experiment_of(wildcards).dataset)


def options_of_run(wildcards):
    """What a run is to be trained with, once its experiment has been taken apart."""
    experiment = RUNS[wildcards.run].file.stem
    finished(checkpoints.plan_experiment, paths.model_plan(experiment), experiment=experiment)
    return paths.model_options(wildcards.run)


def experiment_file(wildcards):
    """The file of a run's experiment."""
    return RUNS[wildcards.run].file


def augmentation_of_run(wildcards):
    """The file of a run's augmentations, where it has one."""
    return experiment_of(wildcards).augmentation or []


def weights_of_run(wildcards):
    """The file of the weights that a run starts from, where it has one."""
    weights = experiment_of(wildcards).architecture.weights
    return [] if weights is None else weights.file


def gpus_of_run(wildcards):
    """GPUs that a run asks a cluster for, on all machines."""
    return RUNS[wildcards.run].processes if experiment_of(wildcards).accelerator == "gpu" else 0


def gpu_of_run(wildcards):
    """One GPU for what is done with a run's model on one machine, where the run asks for GPUs."""
    return min(1, gpus_of_run(wildcards))


def cores_of_run(wildcards):
    """Cores of a process that trains: its own, and those of its readers."""
    return 1 + experiment_of(wildcards).workers


def memory_of_run(wildcards, attempt):
    """Memory on each machine that trains."""
    return MEMORY_MB["model_train"] * experiment_of(wildcards).devices * attempt


def minutes_of_run(wildcards, attempt):
    """Time of a training: what its budget allows, or the most that there is; a retry goes on where it ended."""
    allowed = experiment_of(wildcards).budget.minutes
    return MOST_MINUTES if allowed is None else minutes(60 * allowed, attempt)


def launcher_of_run(wildcards, resources):
    """What starts the processes of a training: Slurm, as Lightning wants it, or else Lightning itself."""
    if "SLURM_JOB_ID" not in os.environ:
        return ""
    return f"{resources.mpi} --ntasks={resources.tasks} --ntasks-per-node={experiment_of(wildcards).devices}"


def every_run(sweep, of_run):
    """A file of each run of a sweep."""
    return [of_run(SimpleNamespace(run=run.name)) for run in SWEEPS[sweep]]


def evaluations_of_sweep(wildcards):
    """The evaluations of all runs that are compared."""
    return every_run(wildcards.experiment, evaluation_of_run)


def metrics_of_sweep(wildcards):
    """The metrics of all runs that are compared."""
    return [paths.model(run.name) / "metrics.csv" for run in SWEEPS[wildcards.experiment]]


def folders_of_sweep(wildcards):
    """The folders of all runs that are compared."""
    return [paths.model(run.name) for run in SWEEPS[wildcards.experiment]]


def onnx_file(model):
    """A model by what the configuration calls it: the name of a run, or an ONNX file."""
    return paths.model(model) / "model.onnx" if model in RUNS else Path(model)


def crops_of_model():
    """The block by which the crops are cut out that the classifier learns from; None where it is not known."""
    run = RUNS.get(settings.models.classify)
    source = None if run is None else Path(DATASETS[run.experiment.dataset].source.path)
    for name, training_set in settings.catalog.training_sets.items():
        if source == paths.catalog_training(name) and training_set.kind == "crops":
            return training_set
    return settings.detections.crop


def crop_options():
    """How the detector's boxes are cut out for a classifier: as those that it learns from."""
    crop = crops_of_model()
    if crop is None:
        return []
    return [*(["--square"] if crop.square else []), f"--margin={crop.margin}"]
