"""How programs leave their results: one module per program."""
