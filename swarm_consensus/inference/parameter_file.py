"""
Arrays by their names in a .npz, as NumPy writes it.

`numpy.savez` takes the names as keyword arguments, so it has none for a tensor called `file`; and
what is read here came from somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
import io
from typing import IO, Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swarm_consensus.protocols.parameters.errors import ParametersError


def write_arrays(file: IO[bytes], arrays: Mapping[str, ArrayLike]) -> None:
    """Write arrays into an open file, uncompressed."""
    with ZipFile(file, 'w', ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w', force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)


def arrays_to_bytes(arrays: Mapping[str, ArrayLike]) -> bytes:
    """Return arrays as the bytes of a .npz."""
    buffer = io.BytesIO()
    write_arrays(buffer, arrays)
    return buffer.getvalue()


def read_arrays(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    """
    Read the arrays of a .npz.

    :raises ParametersError: it is none, or holds objects, which are pickles and could be anything.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, TypeError, EOFError, BadZipFile, AttributeError) as error:
        raise ParametersError(f'this is no .npz file of arrays: {error}') from error


def arrays_from_bytes(data: bytes) -> dict[str, NDArray[Any]]:
    """
    Return the arrays in the bytes of a .npz.

    :raises ParametersError: as in `read_arrays`.
    """
    return read_arrays(io.BytesIO(data))
