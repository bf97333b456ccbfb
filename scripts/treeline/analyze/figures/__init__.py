"""The figures of a report: a module a subject, each of which draws what the tables of an analysis hold of it.

A figure is as wide as a column of a journal, so that it can be read on a telephone, too; large ones grow in height.
"""
