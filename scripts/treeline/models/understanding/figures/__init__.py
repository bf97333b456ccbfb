"""The figures of a model's report: a module a subject, each of which draws what the tables of the findings hold."""
