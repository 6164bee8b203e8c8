"""Writes the golden numbers that tests/metrics/conventions_golden_test.cpp checks whole evaluations against.

    make_conventions_golden.py OUTPUT_FILE

Two folders of PNG files, of several sizes each, go through the published tools' own code: torch-fidelity and pytorch-fid
from file to number; clean-fid with its resize and its formulas, but torch-fidelity's network behind it, as its own is a
download; ADM's evaluator, which needs TensorFlow 1, as its formulas in numpy on torch-fidelity's network; prdc. Images and
weights are drawn from the hash of make_golden.py.

Some tools round where it shows. `NAME.float64` is then the same formula in float64 on the very features the tool computed.
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import pytorch_fid.fid_score
import pytorch_fid.inception
import torch
import torch_fidelity
from cleanfid.fid import frechet_distance, kernel_distance
from cleanfid.resize import build_resizer
from make_golden import fid_singular_values, hashed_image, hashed_inception
from PIL import Image
from prdc import compute_prdc
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

# Height and width of image i: SIZES[i % 8]. As in the test.
SIZES = [(299, 299), (64, 64), (300, 200), (109, 89), (350, 350), (32, 48), (180, 299), (256, 320)]
REAL, GENERATED = 24, 20
SPLITS, SUBSETS, SUBSET_SIZE = 3, 10, 12
ADM_SPLIT_SIZE = 8  # 5000 in the evaluator; here parts of 8, 8 and 4 images
NEIGHBOURS = {"torch_fidelity": 3, "adm": 3, "prdc": 5}


def image(kind, number):
    """uint8 [3, H, W]. The generated images have 7/8 of the real ones' contrast, in the middle of the range."""
    height, width = SIZES[number % len(SIZES)]
    if kind == "real":
        return hashed_image(2000 + number, height, width)
    pixels = hashed_image(4000 + number, height, width)
    return pixels - pixels // 8 + 16


def write_folder(folder, kind, count):
    folder.mkdir()
    for number in range(count):
        Image.fromarray(image(kind, number).transpose(1, 2, 0)).save(folder / f"{number:03}.png")
    return str(folder)


# ---- the network, where a tool's own is not used ----


class Network:
    """torch-fidelity's; `spatial` is what ADM calls mixed_6/conv, channels 0 to 6."""

    def __init__(self, weights):
        self.net = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], weights)
        self.net.Mixed_6d.branch1x1.register_forward_hook(lambda _, __, out: setattr(self, "last", out))

    def __call__(self, images):
        """uint8 images [3, H, W] -> features, logits, spatial of all of them."""
        rows = []
        with torch.no_grad():
            for pixels in images:
                features, logits = self.net(torch.from_numpy(pixels)[None])
                rows.append((features[0], logits[0], self.last[0, :7].flatten()))
        return [torch.stack(column).numpy() for column in zip(*rows)]

    def behind_the_resize(self, x):
        """Features of one float image [3, 299, 299] in 0 .. 255: its size leaves torch-fidelity's own resize nothing to do."""
        original = FeatureExtractorInceptionV3.forward.__globals__["vassert"]
        FeatureExtractorInceptionV3.forward.__globals__["vassert"] = lambda *_: None  # it insists on bytes
        try:
            with torch.no_grad():
                return self.net(torch.from_numpy(x)[None])[0][0].numpy()
        finally:
            FeatureExtractorInceptionV3.forward.__globals__["vassert"] = original


# ---- one function per tool ----


def statistics(features):
    return np.mean(features, axis=0), np.cov(features, rowvar=False)


def of_torch_fidelity(folders, weights):
    found = torch_fidelity.calculate_metrics(
        input1=folders["generated"], input2=folders["real"], cuda=False, cache=False, verbose=False, batch_size=1,
        feature_extractor="inception-v3-compat", feature_extractor_weights_path=weights, fid=True, isc=True, kid=True, prc=True, isc_splits=SPLITS,
        kid_subsets=SUBSETS, kid_subset_size=SUBSET_SIZE, prc_neighborhood=NEIGHBOURS["torch_fidelity"])
    return {
        "fid": found["frechet_inception_distance"],
        "is_mean": found["inception_score_mean"], "is_stddev": found["inception_score_std"],
        "kid_mean": found["kernel_inception_distance_mean"], "kid_stddev": found["kernel_inception_distance_std"],
        "precision": found["precision"], "recall": found["recall"],
    }


def of_pytorch_fid(folders, weights):
    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: torch.load(weights)
    net = pytorch_fid.inception.InceptionV3([3])
    features = {}
    for kind, folder in folders.items():
        files = sorted(pathlib.Path(folder).glob("*.png"))
        features[kind] = pytorch_fid.fid_score.get_activations(files, net, batch_size=1, num_workers=0)
    real, generated = features["real"], features["generated"]
    return {
        "fid": pytorch_fid.fid_score.calculate_frechet_distance(*statistics(generated), *statistics(real)),
        "fid.float64": fid_singular_values(generated, real),
    }


def of_clean_fid(images, network):
    resize = build_resizer("clean")
    features = {
        kind: np.stack([network.behind_the_resize(resize(x.transpose(1, 2, 0)).transpose(2, 0, 1)) for x in of_kind])
        for kind, of_kind in images.items()
    }
    real, generated = features["real"], features["generated"]
    np.random.seed(2020)  # kernel_distance draws from numpy's global generator: generated first, then real
    kid = kernel_distance(real, generated, num_subsets=SUBSETS, max_subset_size=SUBSET_SIZE)
    return {
        "fid": frechet_distance(*statistics(generated), *statistics(real)),
        "fid.float64": fid_singular_values(generated, real),
        "kid_mean": kid,
    }


def of_adm(features, logits, spatial):
    log_p = logits["generated"].astype(np.float64)
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    scores = []
    for first in range(0, GENERATED, ADM_SPLIT_SIZE):
        part = log_p[first : first + ADM_SPLIT_SIZE]
        scores.append(np.exp((np.exp(part) * (part - np.log(np.exp(part).mean(0, keepdims=True)))).sum(1).mean()))
    within = {}
    for kind, other in (("real", "generated"), ("generated", "real")):
        centres, points = features[kind].astype(np.float64), features[other].astype(np.float64)
        distances = lambda a: ((a[:, None] - centres[None]) ** 2).sum(-1)
        radii = np.sort(distances(centres), axis=1)[:, NEIGHBOURS["adm"]]  # the nearest is the image itself
        within[kind] = (distances(points) <= radii).any(1).mean()
    return {
        "fid": fid_singular_values(features["generated"], features["real"]),
        "sfid": fid_singular_values(spatial["generated"], spatial["real"]),
        "is": np.mean(scores), "precision": within["real"], "recall": within["generated"],
    }


def golden(folder):
    weights = str(folder / "weights.pth")
    hashed_inception(weights)
    counts = {"real": REAL, "generated": GENERATED}
    folders = {kind: write_folder(folder / kind, kind, count) for kind, count in counts.items()}
    images = {kind: [image(kind, number) for number in range(count)] for kind, count in counts.items()}
    network = Network(weights)
    features, logits, spatial = {}, {}, {}
    for kind, of_kind in images.items():
        features[kind], logits[kind], spatial[kind] = network(of_kind)
    tools = {
        "torch_fidelity": of_torch_fidelity(folders, weights)
        | {"fid.float64": fid_singular_values(features["generated"], features["real"])},
        "pytorch_fid": of_pytorch_fid(folders, weights),
        "clean_fid": of_clean_fid(images, network),
        "adm": of_adm(features, logits, spatial),
        "prdc": compute_prdc(features["real"].astype(np.float64), features["generated"].astype(np.float64), NEIGHBOURS["prdc"]),
    }
    return {f"{tool}.{name}": float(value) for tool, numbers in tools.items() for name, value in numbers.items()}


def main():
    with tempfile.TemporaryDirectory() as folder:
        numbers = golden(pathlib.Path(folder))
    pathlib.Path(sys.argv[1]).write_text(json.dumps(numbers, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
