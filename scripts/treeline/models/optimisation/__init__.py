"""Optimisation: smaller and faster forms of a trained model, and what each costs.

A form is the model with weights or channels taken away, in numbers of fewer bits, or compiled. Each is made from the
best checkpoint, run on the same images beside the model as it is, and compared in size, time and what it gets right.
"""
