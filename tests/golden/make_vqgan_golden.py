"""Golden numbers of the VQ-GAN: codes and pixels of a PyTorch model written from taming-transformers' layout.

    python make_vqgan_golden.py vqgan.json

Needs torch and numpy. It shares nothing with the C++ code but the layout and the rule that draws the weights, which is
short enough to be stated twice: value i of the tensor called `name` is a number in [-1, 1) from SplitMix64 of
FNV-1a(name) + i, times 1.5 / sqrt(fan-in) for weights of convolutions, 0.1 for biases, and 1 + 0.2 * u for norm scales.
"""

import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

# A configuration, and the (batch, height, width) of images: the nominal size, and ones that are smaller and not square.
NETWORKS = {
    "small": (dict(image_size=32, ch=32, ch_mult=[1, 2, 2], num_res_blocks=2, attn_resolutions=[16], z_channels=24,
                   embed_dim=8, codebook_size=64, normalised_codes=False), [(1, 32, 32), (2, 16, 24)]),
    "odd": (dict(image_size=64, ch=32, ch_mult=[2, 1, 3, 1], num_res_blocks=1, attn_resolutions=[64, 16], z_channels=10,
                 embed_dim=6, codebook_size=33, normalised_codes=False), [(1, 24, 40)]),
    "normalised": (dict(image_size=32, ch=32, ch_mult=[1, 2, 2], num_res_blocks=2, attn_resolutions=[8], z_channels=24,
                        embed_dim=4, codebook_size=64, normalised_codes=True), [(1, 16, 24)]),
    "taming_f16_1024": (dict(image_size=256, ch=128, ch_mult=[1, 1, 2, 2, 4], num_res_blocks=2, attn_resolutions=[16],
                             z_channels=256, embed_dim=256, codebook_size=1024, normalised_codes=False), [(1, 64, 96)]),
}


def unit_draws(name, count):
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.arange(count, dtype=np.uint64) + np.uint64(state) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1.0


def draw(name, shape):
    u = unit_draws(name, int(np.prod(shape)))
    if name == "quantize.embedding.weight":
        value = u
    elif name.endswith(".bias"):
        value = 0.1 * u
    elif len(shape) == 1:
        value = 1.0 + 0.2 * u
    else:
        value = 1.5 / np.sqrt(np.prod(shape[1:])) * u
    return torch.from_numpy(value.astype(np.float32).reshape(shape))


class Network:
    """Functional: every layer looks its tensors up by taming's name and draws them on first use."""

    def __init__(self, config):
        self.config = config
        self.tensors = {}

    def get(self, name, *shape):
        if name not in self.tensors:
            self.tensors[name] = draw(name, shape)
        return self.tensors[name]

    def conv(self, x, name, out, kernel, stride=1, padding=None):
        weight = self.get(name + ".weight", out, x.shape[1], kernel, kernel)
        padding = kernel // 2 if padding is None else padding
        return F.conv2d(x, weight, self.get(name + ".bias", out), stride=stride, padding=padding)

    def norm(self, x, name):
        c = x.shape[1]
        return F.group_norm(x, 32, self.get(name + ".weight", c), self.get(name + ".bias", c), eps=1e-6)

    def block(self, x, name, out):
        def swish(value):
            return value * torch.sigmoid(value)
        h = self.conv(swish(self.norm(x, name + ".norm1")), name + ".conv1", out, 3)
        h = self.conv(swish(self.norm(h, name + ".norm2")), name + ".conv2", out, 3)
        if x.shape[1] != out:
            x = self.conv(x, name + ".nin_shortcut", out, 1)
        return x + h

    def attention(self, x, name):
        b, c, height, width = x.shape
        n = self.norm(x, name + ".norm")
        q, k, v = (self.conv(n, f"{name}.{part}", c, 1).reshape(b, c, height * width) for part in "qkv")
        weights = torch.softmax(torch.bmm(q.transpose(1, 2), k) * c**-0.5, dim=2)  # [b, query, key]
        mixed = torch.bmm(v, weights.transpose(1, 2)).reshape(b, c, height, width)
        return x + self.conv(mixed, name + ".proj_out", c, 1)

    def middle(self, x, name):
        c = x.shape[1]
        x = self.block(x, name + ".block_1", c)
        return self.block(self.attention(x, name + ".attn_1"), name + ".block_2", c)

    def head(self, x, name, out):
        n = self.norm(x, name + ".norm_out")
        return self.conv(n * torch.sigmoid(n), name + ".conv_out", out, 3)

    def encode(self, x):
        cfg = self.config
        resolution = cfg["image_size"]  # nominal: not that of x
        h = self.conv(x, "encoder.conv_in", cfg["ch"], 3)
        last = len(cfg["ch_mult"]) - 1
        for i, mult in enumerate(cfg["ch_mult"]):
            for j in range(cfg["num_res_blocks"]):
                h = self.block(h, f"encoder.down.{i}.block.{j}", cfg["ch"] * mult)
                if resolution in cfg["attn_resolutions"]:
                    h = self.attention(h, f"encoder.down.{i}.attn.{j}")
            if i != last:
                h = self.conv(F.pad(h, (0, 1, 0, 1)), f"encoder.down.{i}.downsample.conv", h.shape[1], 3, 2, 0)
                resolution //= 2
        h = self.head(self.middle(h, "encoder.mid"), "encoder", cfg["z_channels"])
        return self.conv(h, "quant_conv", cfg["embed_dim"], 1)

    def book(self):
        rows = self.get("quantize.embedding.weight", self.config["codebook_size"], self.config["embed_dim"])
        return F.normalize(rows, dim=1) if self.config["normalised_codes"] else rows

    def codes(self, z):
        flat = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]).double()
        book = self.book().double()
        if self.config["normalised_codes"]:
            flat = F.normalize(flat, dim=1)
        distance = ((flat[:, None, :] - book[None]) ** 2).sum(2)
        best = distance.topk(2, largest=False).values
        assert (best[:, 1] - best[:, 0]).min() > 1e-5, "a near tie would make the golden codes fragile"
        return distance.argmin(1).reshape(z.shape[0], -1)

    def decode(self, codes, rows, cols):
        cfg = self.config
        z = self.book()[codes].reshape(-1, rows, cols, cfg["embed_dim"]).permute(0, 3, 1, 2)
        z = self.conv(z, "post_quant_conv", cfg["z_channels"], 1)
        last = len(cfg["ch_mult"]) - 1
        h = self.conv(z, "decoder.conv_in", cfg["ch"] * cfg["ch_mult"][last], 3)
        h = self.middle(h, "decoder.mid")
        for i in range(last, -1, -1):
            for j in range(cfg["num_res_blocks"] + 1):
                h = self.block(h, f"decoder.up.{i}.block.{j}", cfg["ch"] * cfg["ch_mult"][i])
                if cfg["image_size"] >> i in cfg["attn_resolutions"]:
                    h = self.attention(h, f"decoder.up.{i}.attn.{j}")
            if i != 0:
                h = F.interpolate(h, scale_factor=2.0, mode="nearest")
                h = self.conv(h, f"decoder.up.{i}.upsample.conv", h.shape[1], 3)
        return self.head(h, "decoder", 3)


def cases_of(config, sizes):
    network = Network(config)
    cases = []
    for batch, height, width in sizes:
        shape = (batch, 3, height, width)
        image = torch.from_numpy(unit_draws(f"image {height}x{width}", int(np.prod(shape))).astype(np.float32))
        z = network.encode(image.reshape(shape))
        codes = network.codes(z)
        pixels = network.decode(codes, z.shape[2], z.shape[3])
        cases.append(dict(batch=batch, height=height, width=width, codes=codes.flatten().tolist(),
                          z_norm=z.double().norm().item(), pixels_norm=pixels.double().norm().item(),
                          pixels=[round(v, 6) for v in pixels.flatten()[::97].tolist()]))
        print(f"{height}x{width}: {len(set(cases[-1]['codes']))} codes, z {z.std():.3f}, pixels {pixels.std():.3f}")
    tensors = network.tensors.values()
    return dict(config=config, tensors=len(tensors), parameters=sum(t.numel() for t in tensors), cases=cases)


def main():
    with torch.no_grad():
        networks = {name: cases_of(*network) for name, network in NETWORKS.items()}
    with open(sys.argv[1], "w") as file:
        file.write("{\n" + ",\n".join(f'"{name}": {json.dumps(made)}' for name, made in networks.items()) + "\n}\n")


if __name__ == "__main__":
    main()
