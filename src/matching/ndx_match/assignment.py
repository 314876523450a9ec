"""Assign rows to columns, each at most once, so that the sum of values is greatest; few of the pairs are possible."""

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
        The value of each pair, greater than 0.
    """
    from scipy.optimize import linear_sum_assignment  # importing it takes time
    from scipy.sparse.csgraph import connected_components

    column_of_row = np.full(n_rows, -1, np.intp)
    if not len(values):
        return column_of_row
    links = coo_array((np.ones(len(values)), (rows, n_rows + columns)), shape=(n_rows + n_columns,) * 2)
    component = connected_components(links, directed=False)[1][rows]
    order = np.argsort(component, kind="stable")
    # Few rows and columns compete with each other, so the matrices stay small.
    for group in np.split(order, np.flatnonzero(np.diff(component[order])) + 1):
        group_rows, row = np.unique(rows[group], return_inverse=True)
        group_columns, column = np.unique(columns[group], return_inverse=True)
        matrix = np.zeros((len(group_rows), len(group_columns)))
        matrix[row, column] = values[group]
        row, column = linear_sum_assignment(matrix, maximize=True)
        real = matrix[row, column] > 0
        column_of_row[group_rows[row[real]]] = group_columns[column[real]]
    return column_of_row
