"""A second decoder of the .ddz format, written from format_spec.md alone: slow, plain, integers only.

It shares no code with the package and uses neither numpy nor constriction, so that tests can hold the two
against each other. Constants and the table of base networks are parsed out of the specification itself. The
functions come in the order of the specification; each names its section.
"""
# ruff: noqa: B905 (zip without strict: the many short ones read better)

import hashlib
import json
import math
import re
import struct
import zlib
from bisect import bisect_right
from collections import namedtuple
from decimal import Decimal, localcontext
from functools import cache, lru_cache, partial
from itertools import accumulate, chain, pairwise
from operator import itemgetter, mul
from pathlib import Path

import msgpack

SPEC = Path(__file__).resolve().parents[1] / "format_spec.md"
# counts, groups: one per class; sections, codecs: by kind
Header = namedtuple("Header", "class_count counts shape groups sections codecs")
Tensor = namedtuple("Tensor", "values shift")
# The networks of a group: `context`, layers; `count`, latents per image; `read(coder, n, context)`, latents of n
# images; `synthesis(latents)`, planes; of priors also `draw(latents, q, n, seed)`, planes.
Group = namedtuple("Group", "context count read synthesis draw", defaults=(None,))


class Invalid(Exception):
    """A file breaks `rule`: a rule number of the specification, or "limit" (section 11)."""

    def __init__(self, rule, text):
        super().__init__(f"{rule}: {text}")
        self.rule = rule


def require(condition, rule, text):
    if not condition:
        raise Invalid(rule, text)


class Reader:
    """Section 1: the bytes and varints of one enclosing field."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size, rule):
        require(size <= len(self.data) - self.at, rule, "runs past the end of the enclosing field")
        self.at += size
        return self.data[self.at - size : self.at]

    def varint(self):
        value = 0
        for n in range(5):
            byte = self.take(1, "W2")[0]
            value |= (byte & 127) << 7 * n
            if byte < 128:
                require((byte or n == 0) and value < 2**32, "W1", "varint too long or too large")
                return value
        raise Invalid("W1", "varint of more than 5 bytes")

    def ranged(self, lo, hi, rule):
        value = self.varint()
        require(lo <= value <= hi, rule, f"{value} is not in {lo}..{hi}")
        return value


def round_shift(a, s):
    """Section 1."""
    return (a + (1 << s >> 1)) >> s


def clamp(a, lo, hi):
    """Section 1."""
    return lo if a < lo else hi if a > hi else a


def canonical(data, types, depth):
    """Section 2, rule C8 (also for section 9): the value, of the given types only, in canonical form."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except (ValueError, msgpack.UnpackException) as error:
        raise Invalid("C8", f"not one msgpack value: {error!r}") from error

    def check(item, left):
        require(type(item) in types, "C8", f"a {type(item).__name__}")
        require(type(item) is not int or item >= 0 or bool in types, "C8", "a negative number")
        if type(item) in (list, dict):
            require(left > 0, "C8", "nested too deep")
            for child in item.values() if type(item) is dict else item:
                check(child, left - 1)
        if type(item) is dict:
            require(all(type(key) is str for key in item) and list(item) == sorted(item), "C8", "map keys")

    check(value, depth)
    require(msgpack.packb(value) == data, "C8", "not the canonical form")
    return value


def integers(value, length):
    return type(value) is list and len(value) == length and all(type(item) is int for item in value)


def read_container(data):
    """Section 2: the fixed part and the header."""
    require(len(data) <= LIMITS["file"], "limit", "file size")
    require(data[:8] == bytes.fromhex("8944445A0D0A1A0A"), "C1", "not a .ddz file")
    require(len(data) >= 24, "C5", "the file ends in its fixed part")
    require(data[8] == 1, "C2", f"major version {data[8]}")
    require(data[10] == 0, "C3", "incompatible flags")
    size, file_size, crc = struct.unpack_from("<III", data, 12)
    require(1 <= size <= 65536, "C4", f"header size {size}")
    require(file_size == len(data), "C5", f"{len(data)} bytes instead of {file_size}")
    require(24 + size <= file_size, "H7", "the header runs past the file")
    require(zlib.crc32(data[8:20] + data[24 : 24 + size]) == crc, "C6", "CRC-32 of the header")
    header = canonical(data[24 : 24 + size], (list, int, str), 3)
    require(type(header) is list and len(header) >= 5, "C7", "not an array of 5 elements")
    require(len(header) == 5 or data[9] > 0, "C7", f"{len(header)} elements")
    classes, counts, shape, groups, table = header[:5]

    require(type(classes) is int and 1 <= classes <= 10000, "H1", "class_count")
    if type(counts) is int:
        counts = [counts] * classes
    else:
        require(integers(counts, classes) and len(set(counts)) > 1, "H2", "counts")
    require(sum(counts) <= LIMITS["images"], "limit", "H3: images")
    tops = (4, 4096, 4096, 32767)
    require(integers(shape, 4) and all(1 <= n <= top for n, top in zip(shape, tops)), "H4", "shape")
    identity = list(range(classes))
    if type(groups) is int:
        require(groups == 0 or (groups == 1 and classes > 1), "H5", "groups")
        groups = identity if groups else [0] * classes
    else:
        require(integers(groups, classes) and any(groups) and groups != identity, "H5", "groups")
        first = list(dict.fromkeys(groups))
        require(first == identity[: len(first)], "H5", "groups not in the order of first use")
    require(max(groups) < LIMITS["groups"], "limit", "groups")
    sections, codecs = read_sections(data, 24 + size, table)
    images = sum(counts) * math.prod(shape[:3]) if "LATN" in sections else 0
    require(images <= LIMITS["pixels"], "limit", "pixels")
    return Header(classes, counts, shape, groups, sections, codecs)


def read_sections(data, at, table):
    """Section 2: the section table; kind -> payload, and codec, of every section this version knows."""
    require(type(table) is list, "H6", "sections")
    known = {"NETS": (1,), "LATN": (1,), "LABL": (1,), "SOFT": (1, 2, 3, 4), "VIEW": (1, 2)}
    payloads, ranks, order = {}, [], list(known)
    for row in table:
        require(type(row) is list and len(row) == 4 and integers(row[1:], 3), "H6", "a section's fields")
        kind, codec, size, crc = row
        require(type(kind) is str and re.fullmatch("[A-Za-z]{4}", kind), "H6", "a section's kind")
        require(kind[0].islower() or codec in known.get(kind, ()), "H9", f"{kind} with codec {codec}")
        require(kind not in payloads, "H6", f"{kind} twice")
        ranks.append(order.index(kind) if kind in known else len(order))
        require(size <= len(data) - at, "H7", f"{kind} runs past the file")
        payloads[kind], at = data[at : at + size], at + size
    require(ranks == sorted(ranks), "H6", "sections out of order")
    require(at == len(data), "H7", "bytes after the last section")
    for kind, _, _, crc in table:
        require(zlib.crc32(payloads[kind]) == crc, "H8", f"CRC-32 of {kind}")
    codecs = {kind: codec for kind, codec, _, _ in table if codec in known.get(kind, (1,))}
    whole, half = "NETS" in codecs and "LATN" in codecs, "NETS" in codecs or "LATN" in codecs
    rows = codecs.get("SOFT", 1) >= 2
    require(whole or (rows and not half), "H10", "NETS or LATN is missing")
    require(rows or "VIEW" not in codecs, "H10", "VIEW without rows of soft labels")
    return {kind: payloads[kind] for kind in codecs}, codecs


class Coder:
    """Section 3: the rANS decoder of one stream."""

    def __init__(self, stream):
        require(stream, "E1", "the stream is empty")
        require(stream[-1] or len(stream) == 1, "E1", "the stream ends in a zero byte")
        stream = b"" if stream == b"\0" else stream + bytes(-len(stream) % 4)
        self.words = list(struct.unpack(f"<{len(stream) // 4}I", stream))
        self.state = 0
        while self.state < 2**32 and self.words:
            self.state = self.state << 32 | self.words.pop()

    def advance(self, q, offset):
        self.state = (self.state >> 24) * q + offset
        if self.state < 2**32 and self.words:
            self.state = self.state << 32 | self.words.pop()

    def symbol(self, cumulative):
        """One symbol; `cumulative` is Q_0 = 0, ..., Q_n = 2^24."""
        r = self.state & 0xFFFFFF
        i = bisect_right(cumulative, r) - 1
        self.advance(cumulative[i + 1] - cumulative[i], r - cumulative[i])
        return i

    def uniform(self, bits):
        """One symbol under Uniform(2^bits)."""
        r, q = self.state & 0xFFFFFF, 1 << (24 - bits)
        self.advance(q, r % q)
        return r // q

    def batch(self, means, scales, wide=False):
        """A batch of values: first all symbols, then the escapes; of wide values then the low bits."""
        low_bits = [max(0, (scale - 48) >> 3) if wide else 0 for scale in scales]
        values, escapes = [], []
        for mean, scale, k in zip(means, scales, low_bits):
            mean, scale = (mean - 8 * (2**k - 1)) >> k, scale - 8 * k
            i = (mean + 8) >> 4
            symbol = self.symbol(TABLES[16 * scale + mean - 16 * i + 8])
            values.append(i + symbol - 31)
            if symbol == 63:
                escapes.append((len(values) - 1, i))
        for place, i in escapes:
            negative, e = self.uniform(1), self.uniform(4)
            require(e <= 14 or wide, "E4", "escape exponent 15")
            n = (1 << e) + (self.uniform(e) if e else 0)
            values[place] = i - 31 - n if negative else i + 31 + n
        for bits in range(1, max(low_bits, default=0) + 1):
            for place, k in enumerate(low_bits):
                if k == bits:
                    values[place] = values[place] << k | self.uniform(k)
        require(all(-32768 <= v <= 32767 for v in values), "E5", "a value is out of range")
        return values

    def finish(self, data):
        """The end of the stream; `data` is what the checksum covers."""
        require(self.uniform(24) == zlib.crc32(data) & 0xFFFFFF, "E2", "checksum of a stream")
        require(self.state == 0 and not self.words, "E3", "the coder is not empty")


def build_tables(g_values, sha256):
    """Section 3: the 64 x 16 tables in cumulative form (65 entries each)."""
    tables, digest = [], hashlib.sha256()
    for g in g_values:
        powers = list(accumulate(range(512), lambda p, _, g=g: p * g >> 62, initial=2**62))
        mass_below = {n: 2**62 - (p >> 1) for n, p in enumerate(powers)}
        mass_below |= {-n: p >> 1 for n, p in enumerate(powers)}
        for f in range(16):
            masses = [b - a for a, b in pairwise(mass_below[16 * r - f] for r in range(-31, 33))]
            q = [1 + (m * (2**24 - 64) >> 62) for m in (*masses, 2**62 - sum(masses))]
            q[31] += 2**24 - sum(q)
            digest.update(struct.pack("<64I", *q))
            tables.append([0, *accumulate(q)])
    assert digest.hexdigest() == sha256, "the tables differ from the hash in section 12"
    return tables


class Layer:
    """Section 4: y = round_shift(W x + b 2^t, s), then a clamp.

    The sums of all outputs run side by side in 64-bit lanes of one Python integer. Rule N4 keeps each below
    2^53, and each starts with 2^62 added, so that no lane is negative in the end.
    """

    def __init__(self, weight, bias, largest):
        n, self.shift = len(bias.values), weight.shift
        self.lanes = struct.Struct(f"<{n}Q")
        columns = [weight.values[j :: len(weight.values) // n] for j in range(len(weight.values) // n)]
        for row, b in zip(zip(*columns), bias.values):
            bound = sum(map(abs, row)) * largest + (abs(b) << bias.shift) + (1 << weight.shift)
            require(bound < 2**53, "N4", "the sums of a layer may be too large")
        zero = self.pack([0] * n)
        self.columns = [self.pack(column) - zero for column in columns]
        self.start = self.pack([(b << bias.shift) + (1 << weight.shift >> 1) for b in bias.values])

    def pack(self, values):
        return int.from_bytes(self.lanes.pack(*(v + 2**62 for v in values)), "little")

    def __call__(self, x, lo, hi):
        total, s, zero = self.start, self.shift, 2**62 >> self.shift
        for value, column in zip(x, self.columns):
            if value:
                total += value * column
        sums = self.lanes.unpack(total.to_bytes(self.lanes.size, "little"))
        return [lo if (y := (a >> s) - zero) < lo else hi if y > hi else y for a in sums]


def context(layers, x, top=63):
    """Section 4: mean and scale index of a latent whose inputs are x; top: the largest scale index."""
    for layer in layers[:-1]:
        x = layer(x, 0, 2047)
    mean, scale = layers[-1](x, -16384, 16383)
    return mean, clamp(scale, 0, top)


def log_table():
    """Section 4: round(128 log2 m) = floor(log2(2 m^256) / 2); a tie would be an m^256 = 2^odd."""
    powers = [m**256 for m in range(1, 257)]
    assert all(p & (p - 1) or p.bit_length() % 2 == 1 for p in powers)
    return [p.bit_length() // 2 for p in powers]


def read_nets(payload, header, base_folder):
    """Section 5: the networks of each group."""
    reader, groups, total = Reader(payload), [], 0
    for _ in range(max(header.groups) + 1):
        blob = Reader(reader.take(reader.varint(), "G1"))
        group, total = read_group(blob, header.shape, base_folder, total)
        groups.append(group)
    require(reader.at == len(payload), "G1", "bytes after the last group")
    return groups


def read_group(reader, shape, base_folder, total):
    """Section 5: one group blob; `total` is the running number of weights."""
    from tests import reference_priors  # which needs most of this file

    synthesis = reader.varint()
    kinds = {1: pyramid, 2: transform, 4: pixels, 5: reference_priors.priors}
    require(synthesis in kinds, "G2", f"synthesis {synthesis}")
    inputs, specs, build = kinds[synthesis](reader, shape, base_folder)
    own, context_specs = len(specs), []
    base_id = 0 if inputs is None else reader.varint()
    if base_id:
        context_specs = load_base(base_id, f"context {synthesis}", inputs, base_folder)
    elif inputs is not None:
        widths = [reader.ranged(1, 128, "N3") for _ in range(reader.ranged(1, 4, "N3"))]
        context_specs = dense([inputs, *widths, 2])
    specs = specs + context_specs  # (size, base or None)
    total += sum(size for size, _ in specs)
    require(total <= LIMITS["weights"], "limit", "G6: weights")
    plan = []
    for _, base in specs:
        scale, shift = reader.take(1, "W2")[0], base.shift if base else 0
        require(scale == 255 or scale < 64, "G4", f"tensor descriptor {scale}")
        if scale != 255 and not base:
            shift = reader.take(1, "W2")[0]
            require(shift <= 15, "N1", f"shift {shift}")
        plan.append((scale, shift))
    stream, coded, tensors = reader.data[reader.at :], [], []
    if all(scale == 255 for scale, _ in plan):
        require(not stream, "G5", "a stream without coded tensors")
    else:
        coder = Coder(stream)
    for (size, base), (scale, shift) in zip(specs, plan):
        values = base.values if base else [0] * size
        if scale != 255:
            coded.append(coder.batch([0] * size, [scale] * size))
            values = [a + b for a, b in zip(values, coded[-1])]
            require(all(-32768 <= v <= 32767 for v in values), "N2", "a weight is out of range")
        tensors.append(Tensor(values, shift))
    if coded:
        coder.finish(b"".join(struct.pack(f"<{len(d)}i", *d) for d in coded))
    layers = [Layer(*tensors[n : n + 2], 1536 if n == own else 2047) for n in range(own, len(tensors), 2)]
    return Group(layers, *build(tensors[:own])), total


def dense(ends, area=1):
    """Section 5: sizes (and zero bases) of W and b of the layers between these widths; area: 9 for 3x3."""
    return [(size, None) for ins, outs in pairwise(ends) for size in (ins * outs * area, outs)]


def pyramid(reader, shape, _):
    """Section 6: number of context inputs, tensors of the synthesis, and the builder of a Group's rest."""
    outs, height, width, _ = shape
    channels = tuple(reader.ranged(0, 16, "P2") for _ in range(reader.ranged(1, 12, "P1")))
    require(sum(channels) >= 1, "P2", "no latent channels")
    template = reader.ranged(0, 1, "P3")
    widths = [reader.ranged(1, 640, "P4") for _ in range(reader.ranged(0, 3, "P4"))]
    residuals = reader.ranged(0, 2, "P5")
    sizes = tuple((-(-height // 2**n), -(-width // 2**n)) for n in range(len(channels)))
    specs = [(4, Tensor([-3, 29, 111, -9], 7)), *dense([sum(channels), *widths, outs])]
    specs += dense([outs, outs], 9) * residuals

    def build(tensors):
        layers = [Layer(*tensors[n : n + 2], 32767) for n in range(1, len(tensors), 2)]
        ones, threes = layers[: len(widths) + 1], layers[len(widths) + 1 :]
        return (
            sum(k * h * w for k, (h, w) in zip(channels, sizes)),
            partial(read_steps, lambda: pyramid_steps(channels, sizes, template)),
            lambda v: pyramid_synthesis(v, channels, sizes, tensors[0], ones, threes),
        )

    return 33 if template else 16, specs, build


@lru_cache(32)
def pyramid_steps(channels, sizes, template):
    """Section 6.1."""
    starts = [0, *accumulate(k * h * w for k, (h, w) in zip(channels, sizes))]
    near_a = [(0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0), (-1, -2), (-2, 1)]
    near_d = [(0, 0), (0, 1), (-1, 0)]

    def index(level, k, y, x):
        if level < len(channels) and 0 <= k < channels[level]:
            h, w = sizes[level]
            if 0 <= y < h and 0 <= x < w:
                return starts[level] + (k * h + y) * w + x
        return starts[-1]  # does not exist

    def latent(level, k, y, x):
        places, static = [index(level, k, y + dy, x + dx) for dy, dx in near_a], ()
        if template == 1:
            py, px, sy, sx = y >> 1, x >> 1, 1 if y % 2 else -1, 1 if x % 2 else -1
            near_b = [(py, px), (py, px + sx), (py + sy, px), (py + sy, px + sx)]
            places += [index(level + 1, k, *place) for place in near_b]
            places += [index(level, k - 1, y + dy, x + dx) for dy, dx in near_d]
            static = (128 * level, 256 * (k == 1), 256 * (k >= 2))
        return index(level, k, y, x), itemgetter(*places), itemgetter(*places), static

    steps = []
    for level in range(len(channels) - 1, -1, -1):
        timed, (h, w) = {}, sizes[level]
        for k in range(channels[level]):
            for y in range(h):
                for x in range(w):
                    timed.setdefault(x + 2 * y + 2 * k, []).append(latent(level, k, y, x))
        steps += [timed[time] for time in sorted(timed)]
    return steps


def upsample(plane, taps):
    """Section 6.2: a plane doubled vertically, and transposed: so two calls double it both ways."""
    (t0, t1, t2, t3), s, out = taps.values, taps.shift, []
    for a in zip(*plane):
        padded = (a[0], a[0], *a, a[-1], a[-1])
        line = []
        for i in range(len(a)):
            b, c, d, e, f = padded[i : i + 5]  # a[i - 2] .. a[i + 2]
            line += [t0 * b + t1 * c + t2 * d + t3 * e, t3 * c + t2 * d + t1 * e + t0 * f]
        out.append([clamp(round_shift(n, s), -32767, 32767) for n in line])
    return out


def windows(planes):
    """Section 6.2: the inputs of a conv3x3 at each pixel, borders replicated."""
    padded = [[[row[0], *row, row[-1]] for row in (plane[0], *plane, plane[-1])] for plane in planes]
    for y in range(len(planes[0])):
        rows = list(chain.from_iterable(plane[y : y + 3] for plane in padded))
        for x in range(len(planes[0][0])):
            yield list(chain.from_iterable(row[x : x + 3] for row in rows))


def to_planes(pixels, width):
    """Pixels in raster order, each a list over the channels, as planes of rows."""
    return [[plane[n : n + width] for n in range(0, len(plane), width)] for plane in zip(*pixels)]


def to_pixels(planes):
    """The inverse of to_planes."""
    return list(zip(*map(chain.from_iterable, planes)))


def pyramid_synthesis(latents, channels, sizes, taps, ones, threes):
    """Section 6.2."""
    levels, at = [], 0
    for k, (h, w) in zip(channels, sizes):
        values = [clamp(16 * v, -32767, 32767) for v in latents[at : at + k * h * w]]
        rows = [values[n : n + w] for n in range(0, len(values), w)]
        levels.append([rows[n : n + h] for n in range(0, len(rows), h)])
        at += k * h * w
    planes = levels[-1]
    for (h, w), level in zip(sizes[-2::-1], levels[-2::-1]):
        doubled = [upsample(upsample(plane, taps), taps) for plane in planes]
        planes = level + [[row[:w] for row in plane[:h]] for plane in doubled]
    pixels = to_pixels(planes)
    for layer in ones:
        pixels = [layer(x, -32767 if layer is ones[-1] else 0, 32767) for x in pixels]
    for j, layer in enumerate(threes):
        lo = 0 if j == 0 and len(threes) == 2 else -32767
        pixels = add_conv(pixels, to_planes(pixels, sizes[0][1]), layer, lo)
    return to_planes(pixels, sizes[0][1])


def add_conv(pixels, planes, layer, lo):
    """Section 6.2: pixels + round_shift(conv3x3(planes) + b 2^t, s), clamped."""
    changes = [layer(x, -(2**53), 2**53) for x in windows(planes)]
    return [[clamp(a + b, lo, 32767) for a, b in zip(p, change)] for p, change in zip(pixels, changes)]


def transform(reader, shape, base_folder):
    """Section 7: like `pyramid`."""
    count, height, width, _ = shape
    block = 1 << reader.ranged(2, 5, "T1")
    diagonals = [reader.ranged(0, 2 * block - 1, "T2") for _ in range(count)]
    filter_base, filter_specs = reader.varint(), []
    if filter_base:
        filter_specs = load_base(filter_base, "filter", count, base_folder)
    elif depth := reader.ranged(0, 4, "T3"):
        require(depth > 1, "T3", "a filter of one layer")
        filter_specs = dense([count, *[reader.ranged(1, 64, "T3")] * (depth - 1), count], 9)
    grid = -(-height // block), -(-width // block)
    by_sum = [[(u, d - u) for u in range(block) if 0 <= d - u < block] for d in range(2 * block - 1)]
    bands = tuple((c, u, v) for c in range(count) for band in by_sum[: diagonals[c]] for u, v in band)
    colour = [[4096 * (i == j) for j in range(count)] for i in range(count)]
    if count >= 3:
        for row, values in zip(colour, ([2365, 2896, 1672], [2365, 0, -3344], [2365, -2896, 1672])):
            row[:3] = values
    specs = [(8 * count, Tensor([64, *[0] * 7] * count, 0)), (count**2, Tensor([*chain(*colour)], 12))]
    specs += filter_specs

    def build(tensors):
        steps = tuple(tuple(accumulate(tensors[0].values[8 * c : 8 * c + 8])) for c in range(count))
        require(all(0 <= i <= 127 for row in steps for i in row), "T4", "a step index is out of range")
        layers = [Layer(*tensors[n : n + 2], 4095) for n in range(2, len(tensors), 2)]
        return (
            len(bands) * grid[0] * grid[1],
            partial(read_steps, lambda: transform_steps(block, bands, grid, steps)),
            lambda v: transform_synthesis(v, block, bands, grid, steps, shape, tensors[1], layers),
        )

    return 38, specs, build


def zone(block, u, v):
    """Section 7.2."""
    return bisect_right((1, 3, 5, 9, 15, 23, 35), (u + v) * 32 // block)


@lru_cache(32)
def transform_steps(block, bands, grid, step_indices):
    """Section 7.1."""
    hb, wb = grid
    starts = {band: n * hb * wb for n, band in enumerate(bands)}
    one, three = [(0, 0)], [(0, 0), (1, 0), (0, 1)]  # (du, dv)
    same = [*zip((-1, 0, -1, -2, 0, -2, 1, -3, 2, -3, 0), (0, -1, -1, 0, -2, 1, -2, 2, -3, 0, -3))]
    places = [
        ((0, 0, 0), same),
        ((0, 0, -1), three),
        ((0, -1, 0), three),
        ((0, -1, -1), one),
        ((0, -1, 1), one),
    ]
    places += [((-1, 0, 0), three), ((-2, 0, 0), one)]  # (dc, dy, dx), bands
    near, timed = [(*place, *band) for place, pairs in places for band in pairs], {}

    def index(c, u, v, y, x):
        exists = (c, u, v) in starts and 0 <= y < hb and 0 <= x < wb
        return starts[c, u, v] + y * wb + x if exists else len(bands) * hb * wb

    for c, u, v in bands:
        of_band = (LOG[32 * u // block], LOG[32 * v // block], 256 * (c == 1), 256 * (c >= 2))
        of_band += (8 * step_indices[c][zone(block, u, v)],)
        for y in range(hb):
            for x in range(wb):
                signed = [index(c, u, v, y, x - 1), index(c, u, v, y - 1, x), index(c, u, v, y - 1, x - 1)]
                signed += [index(c - 1, u, v, y, x), index(c - 2, u, v, y, x)]
                k = c if u + v > 0 else -1  # channel -1 does not exist
                signed += [index(k, 0, 0, y, x), index(k, 0, 0, y, x - 1), index(k, 0, 0, y - 1, x)]
                sizes = [index(c + dc, u + du, v + dv, y + dy, x + dx) for dc, dy, dx, du, dv in near]
                static = (*of_band, 256 * (x > 0), 256 * (y > 0))
                latent = (index(c, u, v, y, x), itemgetter(*signed), itemgetter(*sizes), static)
                timed.setdefault(u + v + 2 * x + 4 * y + 2 * c, []).append(latent)
    return [timed[time] for time in sorted(timed)]


def step_table():
    """Section 7.2: round(2^(i/8)) = floor((floor(2^(i/8 + 1)) + 1) / 2); a tie would be an exact odd root."""
    roots = [math.isqrt(math.isqrt(math.isqrt(2 ** (i + 8)))) for i in range(128)]
    assert all(root**8 != 2 ** (i + 8) or root % 2 == 0 for i, root in enumerate(roots))
    return [(root + 1) // 2 for root in roots]


@cache
def basis(block):
    """Section 7.2: A[u][n]; the cosine of pi / (2B) by halving a right angle, then those of its multiples."""
    with localcontext(prec=60):
        cosine = Decimal(0)
        for _ in range(block.bit_length() - 1):
            cosine = ((1 + cosine) / 2).sqrt()
        cosines = [Decimal(1), cosine]
        while len(cosines) < 4 * block:
            cosines.append(2 * cosine * cosines[-1] - cosines[-2])
        scales = [4096 * (Decimal(2 if u else 1) / block).sqrt() for u in range(block)]
        angles = [[(2 * n + 1) * u % (4 * block) for n in range(block)] for u in range(block)]
        return [[nearest(scale * cosines[k]) for k in row] for scale, row in zip(scales, angles)]


def nearest(a):
    """A Decimal rounded, where that is no matter of ties or of its precision."""
    assert abs(a - round(a)) < Decimal("0.49999")
    return round(a)


def inverse_block(x, block):
    """Section 7.2: Y from the coefficients X[u][v] of one block."""
    by_n, x_columns = list(zip(*basis(block))), list(zip(*x))  # by_n[n][u] = A[u][n]
    t = [[round_shift(sum(map(mul, a, column)), 12) for column in x_columns] for a in by_n]
    return [[round_shift(sum(map(mul, row, a)), 12) for a in by_n] for row in t]


def transform_synthesis(latents, block, bands, grid, steps, shape, colour, layers):
    """Section 7.2."""
    (count, height, width, peak), (hb, wb) = shape, grid
    blocks = [[[[0] * block for _ in range(block)] for _ in range(hb * wb)] for _ in range(count)]
    reference = [row[0] for row in steps]  # r_c
    for band, (c, u, v) in enumerate(bands):
        gain = STEP[clamp(48 + steps[c][zone(block, u, v)] - reference[c], 0, 127)]
        for n in range(hb * wb):
            blocks[c][n][u][v] = clamp(latents[band * hb * wb + n] * gain, -(2**20), 2**20)
    planes = []
    for channel in blocks:
        done = [inverse_block(x, block) for x in channel]
        strips = [zip(*done[n : n + wb]) for n in range(0, hb * wb, wb)]  # rows of each row of blocks
        planes.append([list(chain.from_iterable(row))[:width] for strip in strips for row in strip][:height])
    pixels = to_pixels(planes)
    if layers:
        z = [[clamp(a, -4095, 4095) for a in y] for y in pixels]
        for layer in layers:
            z = [layer(x, -4095 if layer is layers[-1] else 0, 4095) for x in windows(to_planes(z, width))]
        pixels = [[a + b for a, b in zip(y, change)] for y, change in zip(pixels, z)]
    pixels = [[round_shift(a * STEP[r], 6) for a, r in zip(y, reference)] for y in pixels]
    middle = (peak + 1) >> 1
    rows = [colour.values[c * count : c * count + count] for c in range(count)]
    pixels = [
        [clamp(round_shift(sum(map(mul, row, p)), colour.shift) + middle, -32767, 32767) for row in rows]
        for p in pixels
    ]
    return to_planes(pixels, width)


def pixels(reader, shape, _):
    """Section 7b: like `pyramid`."""
    count, height, width, peak = shape
    centred, depth = reader.ranged(0, 1, "X1"), reader.ranged(0, 16, "X2") - 8
    reach = 2 ** reader.ranged(1, 16, "X3") - 1
    amount, levels = reader.ranged(0, 256, "X4"), []
    require(amount != 1, "X4", "one level")
    for _ in range(amount):
        least = levels[-1] + 1 if levels else -32768
        levels.append(least + reader.ranged(0, 32767 - least, "X4"))
    middle = centred * (amount >> 1 if amount else (peak + 1) >> 1)
    specs = []
    for k in range(count):
        weights = PREDICTORS[min(k, 2)]
        specs += [(len(weights), Tensor(weights, 6)), (1, Tensor([0], 0))]

    def build(tensors):
        layers = [Layer(*tensors[n : n + 2], reach) for n in range(0, len(tensors), 2)]

        def synthesis(latents):
            if levels:
                require(all(0 <= v < amount for v in latents), "X5", "number of a level")
                latents = [levels[v] for v in latents]
            rows = [latents[n : n + width] for n in range(0, len(latents), width)]
            return [rows[n : n + height] for n in range(0, len(rows), height)]

        return count * height * width, partial(read_pixels, shape[:3], layers, (middle, depth, reach)), synthesis

    return 56, specs, build


SAME = [(0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0), (-1, -2), (-2, 1)]  # (dy, dx), section 7b
OTHER = [(0, 0), (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, 1), (1, 0), (1, 1), (1, -1)]


def read_pixels(size, predictors, numbers, coder, n, layers):
    """Section 7b: the pixels of n images, in latent order each."""
    (count, height, width), (middle, _, _) = size, numbers
    order = (1, 0, 2, 3)[:count] if count >= 3 else (0, 1)[:count]
    timed = {}
    for c in range(count):
        k = order.index(c)
        for y in range(height):
            for x in range(width):
                timed.setdefault(x + 2 * y + 4 * k, []).append((k, y, x))
    images = [{} for _ in range(n)]  # (k, y, x) -> value v and error E
    for time in sorted(timed):
        found = [
            pixel_context(size, predictors[place[0]], numbers, image, layers, place)
            for place in timed[time]
            for image in images
        ]
        values = iter(coder.batch([mean for _, mean, _ in found], [scale for *_, scale in found], wide=True))
        predicted = iter(p for p, *_ in found)
        for place in timed[time]:
            for image in images:
                v = next(values)
                image[place] = v, unit(16 * (v - middle) - next(predicted), numbers[1])
    places = [(order.index(c), y, x) for c in range(count) for y in range(height) for x in range(width)]
    return [[image[place][0] for place in places] for image in images]


def unit(e, d):
    """Section 7b."""
    return e << -d if d <= 0 else round_shift(e, d)


def magnitude(e):
    """Section 7b: MAG."""
    return LOG[min(abs(e) >> 2, 255)]


def pixel_context(size, predictor, numbers, image, layers, place):
    """Section 7b: prediction p, mean and scale index of the pixel at place = (k, y, x) of an image."""
    (_, height, width), (middle, d, reach), (k, y, x) = size, numbers, place

    def u(channel, row, column):
        return clamp(image[channel, row, column][0] - middle, -reach, reach)

    up = u(k, y - 1, x) if y > 0 else None
    left = u(k, y, x - 1) if x > 0 else 0 if up is None else up
    up = left if up is None else up

    def near(dy, dx):
        if y + dy >= 0 and 0 <= x + dx < width:
            return u(k, y + dy, x + dx)
        return up if dy < 0 else left

    def far(channel, dy, dx):
        return u(channel, clamp(y + dy, 0, height - 1), clamp(x + dx, 0, width - 1))

    seen = [near(*step) for step in SAME]
    for channel in (k - 1, k - 2):
        if channel >= 0:
            seen += [far(channel, *step) for step in OTHER]
    p = predictor(seen, -(2**19), 2**19 - 1)[0]

    lists = ((k, SAME[:6]), (k - 1, OTHER[:8]), (k - 2, OTHER[:8]))
    errors = [image.get((c, y + dy, x + dx), (0, 0))[1] for c, steps in lists for dy, dx in steps]
    gaps = [unit(16 * near(*step) - p, d) for step in ((0, -1), (-1, -1), (-1, 0), (-1, 1))]
    inputs = [clamp(e, -1023, 1023) for e in errors] + [magnitude(e) for e in errors]
    inputs += [clamp(g, -1023, 1023) for g in gaps] + [magnitude(g) for g in gaps]
    inputs += [256 * (k == 1), 256 * (k >= 2), 256 * (y > 0), 256 * (x > 0)]
    mean, scale = context(layers, inputs, 95)
    c = mean << d if d >= 0 else round_shift(mean, -d)
    return p, clamp(p + c + 16 * middle, -(2**19), 2**19 - 1), max(0, scale + 8 * d)


def read_latents(payload, header, groups):
    """Section 8: per class a list of images, each a list of latents."""
    total = sum(n * groups[g].count for n, g in zip(header.counts, header.groups))
    require(total <= LIMITS["latents"], "limit", "latents")
    reader = Reader(payload)
    sizes = [reader.varint() for _ in header.counts]
    streams = [reader.take(size, "L1") for size in sizes]
    require(reader.at == len(payload), "L1", "bytes after the last stream")
    return [read_class(s, n, groups[g]) for s, n, g in zip(streams, header.counts, header.groups)]


def read_class(stream, n, group):
    """Section 8: the stream of one class of n images."""
    if n * group.count == 0:
        require(not stream, "L2", "a stream without latents")
        return [[] for _ in range(n)]
    coder = Coder(stream)
    images = group.read(coder, n, group.context)
    coder.finish(b"".join(struct.pack(f"<{group.count}h", *image) for image in images))
    return images


def read_steps(get_steps, coder, n, layers):
    """Section 8: the latents of n images; `get_steps()`, as in 6.1 and 7.1: lists of (latent, getter of signed
    neighbours, of magnitudes, static features)."""
    steps = get_steps()
    count = sum(map(len, steps))
    # For each image: the latents, and from them the inputs of section 4; the last entry is the neighbour that
    # does not exist.
    images, signed, sizes = ([[0] * (count + 1) for _ in range(n)] for _ in range(3))
    for step in steps:
        pairs = [
            context(layers, get_signed(a) + get_sizes(b) + static)
            for _, get_signed, get_sizes, static in step
            for a, b in zip(signed, sizes)
        ]
        values = iter(coder.batch(*zip(*pairs)))
        for place, *_ in step:
            for image in range(n):
                images[image][place] = v = next(values)
                signed[image][place], sizes[image][place] = 16 * clamp(v, -63, 63), LOG[min(abs(v), 255)]
    return [image[:-1] for image in images]


def read_labels(payload, counts):
    """Section 8: the class of each sample in the original order."""
    n, c = sum(counts), len(counts)
    require(c >= 2 and n >= 1, "L4", "LABL needs two classes and a sample")
    q = [1 + count * (2**24 - c) // n for count in counts]
    q[counts.index(max(counts))] += 2**24 - sum(q)
    cumulative, coder = [0, *accumulate(q)], Coder(payload)
    order = [coder.symbol(cumulative) for _ in range(n)]
    coder.finish(struct.pack(f"<{n}H", *order))
    ordered = [c for c, count in enumerate(counts) for _ in range(count)]
    require(sorted(order) == ordered, "L3", "LABL disagrees with the counts")
    require(order != ordered, "L4", "LABL is class-sorted")
    return order


def read_soft(payload, counts, order):
    """Section 8: kind, unit, and the numbers of each sample in the original order."""
    samples, classes = sum(counts), len(counts)
    require(samples >= 1, "S4", "SOFT needs a sample")
    reader = Reader(payload)
    kind, unit_of_one = reader.ranged(0, 2, "S1"), reader.ranged(1, 32767, "S2")
    models = []
    for _ in range(2):
        mean = 16 * (reader.ranged(0, 65535, "S3") - 32768)
        scale = reader.take(1, "W2")[0]
        require(scale <= 175, "S3", f"scale index {scale}")
        models.append((mean, scale))
    coder = Coder(payload[reader.at :])
    (own_mean, own_scale), (mean, scale) = models
    own = iter(coder.batch([own_mean] * samples, [own_scale] * samples, wide=True))
    others = samples * (classes - 1)
    others = iter(coder.batch([mean] * others, [scale] * others, wide=True))
    labels = [c for c, count in enumerate(counts) for _ in range(count)] if order is None else order
    rows = [[next(own if c == label else others) for c in range(classes)] for label in labels]
    coder.finish(b"".join(struct.pack(f"<{classes}h", *row) for row in rows))
    return kind, unit_of_one, rows


def content_hash(header, pixels, order, soft=None, rows=None, drawn=None):
    """Section 9."""
    digest = hashlib.sha256(b"ddz content 1")
    numbers = [header.class_count, *header.shape, *header.counts]
    digest.update(struct.pack(f"<{len(numbers)}I", *numbers))
    for image in pixels:
        digest.update(struct.pack(f"<{len(image)}h", *image))
    digest.update(struct.pack(f"<{len(order or [])}H", *(order or [])))
    if soft is not None:
        kind, unit_of_one, vectors = soft
        digest.update(b"soft" + struct.pack("<II", kind, unit_of_one))
        for row in vectors:
            digest.update(struct.pack(f"<{len(row)}h", *row))
    if rows is not None:
        digest.update(b"rows" + struct.pack("<9I", *rows.head[:9]))
        for row in rows.numbers:
            digest.update(struct.pack(f"<{len(row)}i", *row))
    if drawn is not None:
        digest.update(b"draw" + b"".join(struct.pack(f"<{len(image)}h", *image) for image in drawn))
    return digest.digest()


def read_meta(payload, header):
    """Section 9."""
    require(len(payload) <= 65536, "M2", "metadata larger than 65,536 bytes")
    meta = canonical(payload, (dict, list, str, int, float, bool), 4)
    require(type(meta) is dict, "C8", "metadata is not a map")
    types = {dict: "recipe provenance whitening", list: "classes mean std"}
    recipe = {str: "network augmentation", int: "width depth epochs batch_size"}
    recipe[float] = "learning_rate momentum weight_decay accuracy"
    provenance = {str: "config_sha256 version dataset", int: "seed"}
    whitening = {str: "kind fitted_on", float: "epsilon"}
    maps = (("recipe", recipe), ("provenance", provenance), ("whitening", whitening))
    for where, known in ((".", types), *maps):
        found = meta if where == "." else meta.get(where, {})
        for kind, keys in known.items():
            for key in set(keys.split()) & set(found):
                require(type(found[key]) is kind, "M3", f"{key} is not a {kind.__name__}")
    floats = [float] * header.shape[0]
    for key, kinds in (("classes", [str] * header.class_count), ("mean", floats), ("std", floats)):
        require(key not in meta or [type(item) for item in meta[key]] == kinds, "M3", f"items of {key}")
    require(all(item > 0 for item in meta.get("std", [])), "M3", "std is not above 0")
    return meta


def read_origin(payload):
    """Section 8b: the layout that labels were packed from."""
    reader = Reader(payload)
    size = reader.varint()
    require(size <= 2**26, "O1", "size of the origin")
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(payload[reader.at :], size + 1)
        fields = json.loads(text)
    except (zlib.error, ValueError, RecursionError) as error:
        raise Invalid("O2", str(error)) from None
    whole = len(text) == size and inflater.eof and not inflater.unused_data
    require(whole and isinstance(fields, dict), "O2", "text of the origin")
    return fields


def base_table(text):
    """Section 10: id -> (kind, fits, widths, weight shifts, bias shifts, bytes, SHA-256)."""
    table = {}
    for line in re.findall(r"^\|(.*)\|\s*$", text, re.M):
        cells = [cell.strip(" `") for cell in line.split("|")]
        if cells[0].isdecimal():
            lists = [[int(n) for n in cell.split()] for cell in cells[3:6]]
            table[int(cells[0])] = (cells[1], int(cells[2]), *lists, int(cells[6]), cells[7].lower())
    return table


@cache
def load_base(base_id, kind, fits, folder):
    """Section 10: sizes and bases of the context or filter tensors."""
    require(base_id in BASES, "G3", f"base {base_id} is unknown")
    found_kind, found_fits, widths, weight_shifts, bias_shifts, size, sha256 = BASES[base_id]
    require((found_kind, found_fits) == (kind, fits), "G3", f"base {base_id} does not fit")
    ends = [fits, *widths, fits] if kind == "filter" else [fits, *widths, 2]
    sizes = [size for size, _ in dense(ends, 9 if kind == "filter" else 1)]
    data = (Path(folder) / f"base-{base_id}.bin").read_bytes()
    assert len(data) == size == 2 * sum(sizes), f"base-{base_id}.bin has another size"
    assert hashlib.sha256(data).hexdigest() == sha256, f"base-{base_id}.bin"
    values = struct.unpack(f"<{sum(sizes)}h", data)
    shifts = chain.from_iterable(zip(weight_shifts, bias_shifts, strict=True))
    parts = zip(sizes, accumulate(sizes), shifts, strict=True)
    return [(size, Tensor(list(values[end - size : end]), shift)) for size, end, shift in parts]


# Section 11.
LIMITS = {
    "latents": 2**26,
    "pixels": 2**28,
    "images": 2**22,
    "groups": 10000,
    "weights": 2**24,
    "soft_labels": 2**26,
    "label_rows": 2**24,
    "file": 2**30,
}


def constants(text):
    """Section 12: the G_s, each held against its definition in section 3, and the hash of the tables."""
    values = [int(n) for n in re.search(r"```\s([\d\s]+)```", text)[1].split()]
    with localcontext(prec=60):
        exact = [2**62 * (-1 / (16 * Decimal(2) ** (Decimal(s - 34) / 8))).exp() for s in range(64)]
        assert values == [nearest(g) for g in exact], "G_s"
    return values, re.search(r"\b[0-9a-f]{64}\b", text)[0]


def chapters(text):
    """The sections by their numbers; 7b is a text."""
    parts = {s.split(".")[0]: s for s in re.split(r"^## ", text, flags=re.M)[1:]}
    return {int(number) if number.isdecimal() else number: part for number, part in parts.items()}


def predictor_table(text):
    """Section 7b: base of W, by k."""
    rows = [[int(n) for n in row.split()] for row in re.findall(r"^\| \d \| ([-\d ]+) \|$", text, re.M)]
    assert [len(row) for row in rows] == [8, 17, 26]
    return rows


CHAPTERS = chapters(SPEC.read_text("utf-8"))
LOG, STEP, PREDICTORS = log_table(), step_table(), predictor_table(CHAPTERS["7b"])
BASES, TABLES = base_table(CHAPTERS[10]), build_tables(*constants(CHAPTERS[12]))


def draw(header, groups, latents, n=0, seed=0):
    """Section 7c: draw n of every image of the set, flat lists; an image that is no prior is its own draw."""
    images = [(groups[g], image) for part, g in zip(latents, header.groups) for image in part]
    planes = [
        group.draw(image, q, n, seed) if group.draw else group.synthesis(image)
        for q, (group, image) in enumerate(images)
    ]
    return [[a for plane in image for row in plane for a in row] for image in planes]


def decode(data, base_folder=None):
    """Decode a file. `latents`: by class, image; `pixels`: one flat list per class-sorted image;
    `draw(n, seed)`: images like `pixels`, None without priors; `soft`: kind, unit, rows; `rows`, `view`: as
    `reference_rows` and `reference_views` answer."""
    header = read_container(bytes(data))
    sections, groups, latents = header.sections, [], []
    soft_labels = sum(header.counts) * header.class_count if header.codecs.get("SOFT") == 1 else 0
    require(soft_labels <= LIMITS["soft_labels"], "limit", "soft labels")
    if "LATN" in sections:
        groups = read_nets(sections["NETS"], header, base_folder or SPEC.parent / "ddcodec" / "resources")
        latents = read_latents(sections["LATN"], header, groups)
    order = read_labels(sections["LABL"], header.counts) if "LABL" in sections else None
    soft, rows, view = read_all_soft(header, order)
    meta = read_meta(sections["meta"], header) if "meta" in sections else None
    if "orig" in sections:
        read_origin(sections["orig"])
    stored = sections.get("hash")
    require(stored is None or len(stored) == 32, "M1", "the content hash is not 32 bytes")
    planes = (groups[g].synthesis(i) for images, g in zip(latents, header.groups) for i in images)
    pixels = [[a for plane in image for row in plane for a in row] for image in planes]
    drawn = partial(draw, header, groups, latents) if any(group.draw for group in groups) else None
    digest = content_hash(header, pixels, order, soft, rows, drawn and drawn())
    result = {
        "latents": latents,
        "pixels": pixels,
        "labels": order,
        "hash": digest,
        "meta": meta,
        "soft": soft,
        "draw": drawn,
    }
    result |= {"rows": rows, "view": view, "hash_ok": None if stored is None else digest == stored}
    return {**header._asdict(), **result}


def read_all_soft(header, order):
    """Sections 8, 8b, 8c: what SOFT holds, as a vector a sample or as rows, None for what it is not; what VIEW holds,
    a generator or records."""
    from tests import reference_rows, reference_views  # which need most of this file

    codec, view = header.codecs.get("SOFT"), None
    if codec is None:
        return None, None, None
    if codec == 1:
        return read_soft(header.sections["SOFT"], header.counts, order), None, None
    if "VIEW" in header.sections:
        read = {1: reference_views.read_generator, 2: reference_views.read_records}[header.codecs["VIEW"]]
        view = read(header.sections["VIEW"])
    records = view if header.codecs.get("VIEW") == 2 else None
    return None, reference_rows.read_rows(header.sections["SOFT"], codec, header.counts, order, records), view
