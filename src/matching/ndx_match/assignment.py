"""Assign rows to columns, each at most once, so that the sum of values is greatest; of few pairs among many."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array

from .arrays import Array, Indices


def best_assignment(rows: Array, columns: Array, values: Array, n_rows: int, n_columns: int) -> Indices:
    """The column of each row, shape (n_rows,), -1 for none.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (n_pairs,)
        The pairs that are possible, each once.
    values : ndarray, shape (n_pairs,)
        Of each pair, above 0.
    """
    from scipy.optimize import linear_sum_assignment  # importing it takes time
    from scipy.sparse.csgraph import connected_components

    found = np.full(n_rows, -1, np.intp)
    if not len(values):
        return found
    links = coo_array((np.ones(len(values)), (rows, n_rows + columns)), shape=(n_rows + n_columns,) * 2)
    component = connected_components(links, directed=False)[1][rows]
    order = np.argsort(component, kind="stable")
    # Rows and columns that compete are few, so that the matrices stay small.
    for own in np.split(order, np.flatnonzero(np.diff(component[order])) + 1):
        own_rows, row = np.unique(rows[own], return_inverse=True)
        own_columns, column = np.unique(columns[own], return_inverse=True)
        matrix = np.zeros((len(own_rows), len(own_columns)))
        matrix[row, column] = values[own]
        row, column = linear_sum_assignment(matrix, maximize=True)
        real = matrix[row, column] > 0
        found[own_rows[row[real]]] = own_columns[column[real]]
    return found
