"""Names for the types of arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
Ints32 = npt.NDArray[np.int32]
Ints64 = npt.NDArray[np.int64]

Channels = Floats32  #: images of a session, shape (n_channels, n_rows, n_cols)
Matrix = Floats  #: of a transform of homogeneous points (x, y, 1), shape (3, 3)
Points = Floats  #: (x, y) in pixels, shape (n, 2) unless stated otherwise
