"""Models: trained on datasets, evaluated, understood, made small, exported, and run over collections.

An experiment is described in `config/experiments/<name>.yaml`; with a sweep it is several runs. Each run has a folder
`models/<run>/`, which is all that the later steps need: `train` writes `config.yaml` and `best.ckpt`, `evaluate` what
the model gives for each image, `report` what that says, `optimise` what smaller forms of it cost, `export` the ONNX
file with which `predict`, `classify` and `embed` work without torch.
"""
