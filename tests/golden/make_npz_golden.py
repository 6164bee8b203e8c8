"""Writes the file that tests/datasets checks read_npz() with: an array of every type and layout, as numpy stores it.

    make_npz_golden.py OUTPUT_FILE
"""

import sys
import zipfile

import numpy as np

COUNT = np.arange(24).reshape(2, 3, 4)
ARRAYS = {
    "f4": (COUNT.astype("<f4") / 4, (1, 0)),
    "f8": (COUNT.astype("<f8") / 4, (2, 0)),
    "u1": (COUNT.astype("u1"), (3, 0)),
    "i4": (-COUNT.astype("<i4"), (1, 0)),
    "i8": (-COUNT.astype("<i8"), (1, 0)),
    "fortran": (np.asfortranarray(COUNT.astype("<f4")), (1, 0)),
    "number": (np.float64(2.5), (1, 0)),
    "empty": (np.zeros((0, 3), "<f4"), (1, 0)),
    "big_endian": (np.arange(3, dtype=">f4"), (1, 0)),
    "complex": (np.zeros(3, "<c8"), (1, 0)),
    "objects": (np.array([None]), (1, 0)),
    "records": (np.zeros(2, dtype=[("a", "<f4"), ("b", "<i8")]), (1, 0)),
}


def main():
    with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
        for name, (array, version) in ARRAYS.items():
            entry = zipfile.ZipInfo(name + ".npy")  # of 1980, so that every run writes the same bytes
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:  # as numpy.savez opens them
                np.lib.format.write_array(file, np.asanyarray(array), version)


if __name__ == "__main__":
    main()
