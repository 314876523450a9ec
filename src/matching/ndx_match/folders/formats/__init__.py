"""How programs store their results: one module per program."""
