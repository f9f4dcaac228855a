"""The command line of the evaluation: one module per command, none of them heavy to import."""
