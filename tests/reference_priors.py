"""Priors in the second decoder, written from section 7c of format_spec.md alone: slow, plain, integers only."""
# ruff: noqa: B905 (zip without strict: the many short ones read better)

from functools import partial

from tests.reference_decoder import (
    LIMITS,
    STEP,
    Layer,
    Tensor,
    clamp,
    dense,
    require,
    round_shift,
    to_planes,
    windows,
)
from tests.reference_views import WORD, philox

FAR = 2**53  # no sum of a layer reaches it


def priors(reader, shape, _):
    """Section 7c: like `reference_decoder.pyramid`; there is no context network, so no number of inputs."""
    outs, height, width, _ = shape
    z, linear = reader.ranged(1, 4096, "R1"), reader.ranged(0, 1, "R2")
    stages = reader.ranged(0, 8, "R3")
    channels = [reader.ranged(1, 1024, "R3") for _ in range(stages + 1)]
    kernel, leak = reader.ranged(3, 4, "R4"), reader.ranged(0, 15, "R4")
    step, scale, spread_scale = reader.ranged(0, 127, "R5"), reader.ranged(0, 63, "R5"), reader.ranged(0, 63, "R5")
    offset, spread_step = reader.ranged(0, 127, "R5"), reader.ranged(1, 32, "R5")
    seed, bases = reader.ranged(0, WORD - 1, "R8"), []
    for _ in range(linear + stages + 1 if seed else 0):
        bases.append((reader.ranged(0, 15, "R8"), reader.ranged(0, 127, "R8")))
    sizes = [(-(-height // 2 ** (stages - s)), -(-width // 2 ** (stages - s))) for s in range(stages + 1)]
    for c, (h, w) in zip(channels, sizes):
        require(c * h * w <= 2**23, "R6", f"{c} planes of {h}x{w}")
    first = channels[0] * sizes[0][0] * sizes[0][1]
    require(linear or z == first, "R2", f"{z} dimensions for planes of {first}")
    specs = [(z, Tensor([default] * z, 0)) for default in (step, scale, 0, spread_scale)]
    layers = dense([z, first]) * linear + dense(channels, kernel**2) + dense([channels[-1], outs], 9)
    total = sum(size for size, _ in specs + layers)
    require(total <= LIMITS["weights"], "limit", "G6: weights")  # before the bases are made
    for n, (shift, gain) in enumerate(bases):
        size, _ = layers[2 * n]
        layers[2 * n] = size, Tensor([seeded(seed, n, i, gain) for i in range(size)], shift)
    specs += layers

    def build(tensors):
        tables = [tensor.values for tensor in tensors[:4]]
        for table, (lo, hi) in zip(tables, ((0, 127), (0, 63), (-16384, 16383), (0, 63))):
            require(all(lo <= value <= hi for value in table), "R7", "a number of a table is out of range")
        rest = tensors[4:]
        flat = Layer(*rest[:2], 4095) if linear else None
        doublings = []
        for s in range(stages):
            layer = rest[2 * linear + 2 * s : 2 * linear + 2 * s + 2]
            Layer(*layer, 4095)  # for N4
            doublings.append(phases(*layer, channels[s], kernel))
        last = Layer(*rest[-2:], 4095)
        spread = partial(inputs, z, tables[0], offset, spread_step)
        synthesis = partial(decoder, shape, (flat, doublings, last), (channels[0], sizes, leak))
        return (
            *(2 * z, partial(read_priors, z, tables)),
            lambda v: synthesis(spread(v, [0] * z)),
            lambda v, q, n, seed: synthesis(spread(v, [noise(q, n, d, seed) for d in range(z)])),
        )

    return None, specs, build


def seeded(seed, n, i, gain):
    """Section 7c: element i of the base of layer n."""
    word = philox(i // 4, n, 4, 0, seed, 0)[i % 4]
    return round_shift((sum(word.to_bytes(4, "little")) - 510) * STEP[gain], 13)


def read_priors(z, tables, coder, n, _):
    """Section 7c: the latents of n priors; all means, then all log-scales."""
    images = [[] for _ in range(n)]
    for means, scales in (([0] * z, tables[1]), (tables[2], tables[3])):
        places = [d for d in range(z) for _ in range(n)]
        values = coder.batch([means[d] for d in places], [scales[d] for d in places])
        for k, image in enumerate(images):
            image += values[k::n]
    return images


def noise(q, n, d, seed):
    """Section 7c: e_d of draw n of prior q."""
    words = philox(q, n, 3, d, seed % WORD, seed // WORD)
    return sum(sum(word.to_bytes(4, "little")) for word in words) - 2040


def inputs(z, steps, offset, spread_step, latents, e):
    """Section 7c: x."""
    x = []
    for d in range(z):
        g = steps[d] + offset - 64 + spread_step * latents[z + d]
        spread = STEP[min(g, 127)] if g > 0 else 0
        x.append(clamp(round_shift(256 * latents[d] * STEP[steps[d]] + spread * e[d], 14), -4095, 4095))
    return x


def phases(weight, bias, ins, kernel):
    """Section 7c: the part of a doubling's layer that makes the outputs of each parity, with its taps.

    Of the weights W[out][in][u][v] only those matter for which 2i + u = o + 1 has an i: (o + 1 - u) is even.
    """
    taps = [[u for u in range(kernel) if (parity + 1 - u) % 2 == 0] for parity in (0, 1)]
    found = {}
    for down in (0, 1):
        for across in (0, 1):
            places = [
                ((o * ins + c) * kernel + u) * kernel + v
                for o in range(len(bias.values))
                for c in range(ins)
                for u in taps[down]
                for v in taps[across]
            ]
            values = [weight.values[place] for place in places]
            found[down, across] = Layer(Tensor(values, weight.shift), bias, 4095), taps[down], taps[across]
    return found


def act(y, leak):
    """Section 7c."""
    return clamp(y if y >= 0 else y >> leak, -4095, 4095)


def doubled(planes, layers, size, leak):
    """Section 7c: planes twice as large, cut to a size."""
    height, width, (rows, columns) = len(planes[0]), len(planes[0][0]), size
    pixels = []
    for row in range(rows):
        for column in range(columns):
            layer, us, vs = layers[row % 2, column % 2]
            at = [((row + 1 - u) // 2, (column + 1 - v) // 2) for u in us for v in vs]
            a = [
                plane[i][j] if 0 <= i < height and 0 <= j < width else 0 for plane in planes for i, j in at
            ]  # in the order of the weights: channel, u, v
            pixels.append([act(y, leak) for y in layer(a, -FAR, FAR)])
    return to_planes(pixels, columns)


def decoder(shape, layers, numbers, x):
    """Section 7c: from the decoder's input to planes."""
    (flat, doublings, last), (count, sizes, leak) = layers, numbers
    if flat is not None:
        x = [act(y, leak) for y in flat(x, -FAR, FAR)]
    (height, width), middle = sizes[0], (shape[3] + 1) >> 1
    rows = [x[n : n + width] for n in range(0, len(x), width)]
    planes = [rows[n : n + height] for n in range(0, count * height, height)]
    for parts, size in zip(doublings, sizes[1:]):
        planes = doubled(planes, parts, size, leak)
    pixels = [[clamp(y + middle, -32767, 32767) for y in last(a, -FAR, FAR)] for a in windows(planes)]
    return to_planes(pixels, shape[2])
