"""Golden numbers of LPIPS with VGG-16, from a PyTorch model written from richzhang/PerceptualSimilarity's layout.

    python make_lpips_golden.py lpips.json

Needs torch and numpy. Weights are drawn by the rule of make_vqgan_golden.py under the names of torchvision's vgg16 and of
LPIPS; convolutions are 1.5 / sqrt(fan-in) * u, biases 0.1 * u, linear layers |u|. Every 97th number of the gradient of the
summed distances with respect to the second images is stored.
"""

import json
import sys

import numpy as np
import torch
from torch import nn

from make_vqgan_golden import unit_draws


def drawn(name, shape):
    return torch.from_numpy(unit_draws(name, int(np.prod(shape))).astype(np.float32).reshape(shape))


class ScalingLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.Tensor([-.030, -.088, -.188])[None, :, None, None])
        self.register_buffer("scale", torch.Tensor([.458, .448, .450])[None, :, None, None])

    def forward(self, x):
        return (x - self.shift) / self.scale


def vgg_features():
    """torchvision's vgg16().features, configuration D, without its last pooling."""
    layers, channels = [], 3
    for item in [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512]:
        if item == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(channels, item, 3, padding=1), nn.ReLU(inplace=False)]
            channels = item
    return nn.Sequential(*layers)


def normalize(x, eps=1e-10):
    return x / (torch.sqrt(torch.sum(x ** 2, dim=1, keepdim=True)) + eps)


class Lpips(nn.Module):
    TAPS = {3: 64, 8: 128, 15: 256, 22: 512, 29: 512}  # relu1_2, 2_2, 3_3, 4_3, 5_3

    def __init__(self):
        super().__init__()
        self.scaling, self.features = ScalingLayer(), vgg_features()
        self.lin = nn.ModuleList(nn.Conv2d(c, 1, 1, bias=False) for c in self.TAPS.values())
        with torch.no_grad():
            for name, parameter in self.features.named_parameters():
                u = drawn("features." + name, parameter.shape)
                parameter.copy_(0.1 * u if parameter.dim() == 1 else 1.5 / np.sqrt(parameter[0].numel()) * u)
            for i, layer in enumerate(self.lin):
                layer.weight.copy_(drawn(f"lin{i}.model.1.weight", layer.weight.shape).abs())

    def taps(self, x):
        found = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.TAPS:
                found.append(x)
        return found

    def forward(self, first, second):
        total = 0
        for lin, a, b in zip(self.lin, self.taps(self.scaling(first)), self.taps(self.scaling(second))):
            total = total + lin((normalize(a) - normalize(b)) ** 2).mean([2, 3])
        return total.flatten()


def main(path):
    torch.set_num_threads(2)
    shape = (2, 3, 40, 24)
    first, second = drawn("first", shape), drawn("second", shape).requires_grad_()
    distance = Lpips()(first, second)
    distance.sum().backward()
    golden = {"shape": shape, "distance": distance.tolist(),
              "gradient_norm": second.grad.double().norm().item(), "gradient": second.grad.flatten()[::97].tolist()}
    with open(path, "w") as out:
        json.dump(golden, out)
        out.write("\n")


main(sys.argv[1])
