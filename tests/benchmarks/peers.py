"""Times other implementations of the metrics on the shapes of metrics_benchmark.cpp.

    OMP_NUM_THREADS=2 build/golden-venv/bin/python tests/benchmarks/peers.py [NAME ...]

Prints one line per peer and shape: best of the runs in seconds, how many threads, and the value. Names choose lines by
their beginning, such as `fid` or `prc`. Run it in turns with build/metrics_benchmark on a quiet machine: a ratio of times
from different hours says little. Features are random with the Inception's kind of spectrum, not the same numbers as the
benchmark's; times depend on shapes alone, except for FID's, whose eigenvalue iterations see the spectrum, which is alike.
"""

import contextlib
import io
import os
import sys
import time
import warnings

THREADS = int(os.environ.setdefault("OMP_NUM_THREADS", "2"))
os.environ.setdefault("OPENBLAS_NUM_THREADS", str(THREADS))

import numpy as np  # noqa: E402: its BLAS reads the variables when it is loaded
import torch  # noqa: E402
from cleanfid.fid import frechet_distance  # noqa: E402
from prdc import compute_prdc  # noqa: E402
from pytorch_fid.fid_score import calculate_frechet_distance  # noqa: E402
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric  # noqa: E402
from torch_fidelity.metric_kid import kid_features_to_metric  # noqa: E402
from torch_fidelity.metric_prc import prc_features_to_metric  # noqa: E402

DIM = 2048
KID = dict(kid_subsets=100, kid_subset_size=1000, rng_seed=2020, verbose=False, kid_kernel="poly",
           kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1)
PRC = dict(prc_neighborhood=3, prc_batch_size=10000, verbose=False)


def features(seed, images, scale=1.0):
    mix = np.random.RandomState(0).standard_normal((DIM, DIM)) / DIM**0.5 * np.logspace(0, -1.5, DIM)[:, None]
    rows = np.random.RandomState(seed).standard_normal((images, DIM)).astype(np.float32)
    return torch.from_numpy(np.maximum(rows @ mix.astype(np.float32) * np.float32(scale) + 1, 0))


def timed(name, run, repeats):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = run()
        seconds.append(time.perf_counter() - start)
    print(f"{name:44s} {min(seconds):9.3f} s   best of {repeats}, {THREADS} threads   {value}", flush=True)


def cases():
    """name -> (how to prepare, how to run, repeats)"""
    def statistics():
        return [fid_features_to_statistics(features(seed, 10000, scale)) for seed, scale in ((1, 1.0), (2, 1.1))]

    def pair(images):
        return lambda: (features(1, images), features(2, images, 1.05))

    def by_sqrtm(distance):
        return lambda s: float(distance(s[0]["mu"], s[0]["sigma"], s[1]["mu"], s[1]["sigma"]))

    yield "fid moments, torch-fidelity (eigvals)", statistics, lambda s: fid_statistics_to_metric(*s, False), 3
    yield "fid moments, pytorch-fid (scipy sqrtm)", statistics, by_sqrtm(calculate_frechet_distance), 3
    yield "fid moments, clean-fid (scipy sqrtm)", statistics, by_sqrtm(frechet_distance), 3
    yield "moments of 10000, torch-fidelity", pair(10000), lambda p: fid_features_to_statistics(p[0])["mu"][0], 3
    for images in (5000, 10000):
        yield (f"kid 100 x 1000 of {images}, torch-fidelity", pair(images),
               lambda p: kid_features_to_metric(p[1], p[0], **KID), 1)
    for images in (2000, 5000, 10000):
        yield (f"prc {images}, torch-fidelity", pair(images),
               lambda p: prc_features_to_metric(p[1], p[0], save_cpu_ram=False, **PRC), 1)
    for images in (2000, 5000, 10000):
        yield (f"prdc {images}, prdc", pair(images),
               lambda p: compute_prdc(p[0].numpy(), p[1].numpy(), 5), 1)


def main():
    torch.set_num_threads(THREADS)
    wanted = sys.argv[1:] or [""]
    for name, prepare, run, repeats in cases():
        if any(name.startswith(beginning) for beginning in wanted):
            prepared = prepare()
            timed(name, lambda: run(prepared), repeats)


if __name__ == "__main__":
    main()
