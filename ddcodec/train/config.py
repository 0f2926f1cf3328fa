"""Everything a distillation run may be told, with the one place where each default lives.

To add an option, add a line to its section; TOML, `--set`, checks and the hash follow from it.
"""

import dataclasses
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tomli_w

from ddcodec.errors import InputError
from ddcodec.train.losses.names import check_loss
from ddcodec.train.losses.sections import (
    AlternatingOptions,
    CharacteristicOptions,
    GradientOptions,
    KernelOptions,
    OutsideOptions,
    TrajectoryOptions,
)
from ddcodec.train.options import keys_of, option, plain_section, read_section, unknown
from ddcodec.train.precision import CHOICES
from ddcodec.train.priors.options import PriorOptions
from ddcodec.train.recipe import Recipe


@dataclass(frozen=True)
class CodecOptions:
    """What a file's networks look like.

    representation: what a class is stored as: latents of images, or priors that images are drawn from ([prior]; of the
    rest of this section only share and group_size mean something to them). synthesis: how latents become pixels.
    block: side of a transform block in pixels. preset: name of a pyramid's layer widths (v0..v7, v3-2, v4-480, ...),
    "" for the default. channels: latent channels of each level of a pyramid. cross_level: whether a pyramid's context
    network sees the coarser level. context_widths: hidden layers of the context network. context_base, filter_base: -1
    the built-in base that fits, 0 none, else an id. filter_layers, filter_width: post-filter of the transform, 0 for
    none. share: which classes have their networks in common: all, each its own, or groups of group_size neighbours.
    """

    representation: str = option("latent", choices=("latent", "prior"), quiet=True)
    synthesis: str = option("transform", choices=("transform", "pyramid"))
    block: int = option(16, low=4, high=32)
    preset: str = option("")
    channels: int = option(1, low=1, high=16)
    cross_level: bool = option(True)
    context_widths: tuple[int, ...] = option((32, 32), low=1, high=128, many=True)
    context_base: int = option(-1, low=-1)
    filter_base: int = option(-1, low=-1)
    filter_layers: int = option(0, low=0)
    filter_width: int = option(0, low=0)
    share: str = option("all", choices=("all", "class", "group"))
    group_size: int = option(5, low=1)


@dataclass(frozen=True)
class TrainOptions:
    """How the set is made.

    images_per_class: synthetic images of each class. images_tried: the numbers it was chosen from, none where it was
    stated. bytes_per_class: wanted size of the file over the number of classes; 0 to let lambda decide.
    budget_counts: whether that is the "set" (container, networks, latents) or the whole "file" as `encode` writes it
    (with metadata and content hash, too). reserve_bytes: of the file's budget, left free for what `eval --record` or
    `sweep` adds to the finished file. lambda_ ("lambda" in TOML): weight of the loss against a bit. fit_steps,
    joint_steps, tune_steps: optimisation steps of the three phases. learning_rate: of the latents. seed: of everything
    random. loss: what the joint phase minimises beside the rate: dm, dc, ncfm, tm, mmd, d3, or package.module:Class
    of somebody else's (see `ddcodec.train.losses.outside`). labels: soft ones are label_share parts of what the
    networks say that the loss trained on real images (all of these but dc), the rest the hard label, on a grid of
    1 / label_unit; learned ones (dm with its pool, tm) start so, and the joint phase moves their logits, too, at
    label_rate: their bits and the latents' share one budget.
    """

    images_per_class: int = option(10, low=1)
    images_tried: tuple[int, ...] = option((), low=1, quiet=True)
    bytes_per_class: float = option(0.0, low=0)
    budget_counts: str = option("set", choices=("set", "file"), quiet=True)
    reserve_bytes: int = option(0, low=0, quiet=True)
    lambda_: float = option(0.0, low=0, key="lambda")
    fit_steps: int = option(12, low=0)
    joint_steps: int = option(350, low=0)
    tune_steps: int = option(20, low=0)
    learning_rate: float = option(0.06, low=1e-9)
    seed: int = option(0, low=0, high=2**63 - 1)
    loss: str = option("dm", rule=check_loss)
    labels: str = option("hard", choices=("hard", "soft", "learned"), quiet=True)
    label_share: float = option(0.5, low=0, high=1, quiet=True)
    label_unit: int = option(16, low=2, high=32_767, quiet=True)
    label_rate: float = option(0.03, low=1e-9, quiet=True)


@dataclass(frozen=True)
class MatchingOptions:
    """Networks to match in; all of it concerns dm, ncfm and mmd, width, augmentation and precision every loss.

    networks: how many feature networks are in use. width: their channels. stages: training steps after which
    the networks are taken (so that young and mature ones take part). real_per_class: real images per class
    that targets are computed from, 0 for all. augmentation: policy of `ddcodec.train.augment`. source: where dm's
    networks come from: that "pool", or "random" weights drawn anew in each step, with real_batch real images per
    class drawn beside them (nothing to prepare, and networks to real_per_class mean nothing). precision: of the
    passes through the networks and back; losses, statistics and pixel gradients are float32 all the same.
    """

    networks: int = option(5, low=1)
    width: int = option(48, low=1)
    stages: tuple[int, ...] = option((200, 600), low=1, many=True)
    real_per_class: int = option(1500, low=0)
    augmentation: str = option("flip_crop")
    source: str = option("pool", choices=("pool", "random"), quiet=True)
    real_batch: int = option(256, low=1, quiet=True)
    precision: str = option("float32", choices=CHOICES, quiet=True)


@dataclass(frozen=True)
class RunOptions:
    """What has no influence on the result.

    Steps between checkpoints and contact sheets (0: no sheets); experts, pool: folders where those of tm and d3, and
    the trained networks of dm, ncfm and mmd, are kept or found, "" for the run's own.
    """

    checkpoint_every: int = option(50, low=1)
    sheet_every: int = option(0, low=0)
    experts: str = option("", quiet=True)
    pool: str = option("", quiet=True)


@dataclass(frozen=True)
class Config:
    """All sections; `recipe` is how the finished set is meant to be trained on."""

    codec: CodecOptions = field(default_factory=CodecOptions)
    prior: PriorOptions = field(default_factory=PriorOptions)
    train: TrainOptions = field(default_factory=TrainOptions)
    matching: MatchingOptions = field(default_factory=MatchingOptions)
    dc: GradientOptions = field(default_factory=GradientOptions)
    ncfm: CharacteristicOptions = field(default_factory=CharacteristicOptions)
    tm: TrajectoryOptions = field(default_factory=TrajectoryOptions)
    mmd: KernelOptions = field(default_factory=KernelOptions)
    d3: AlternatingOptions = field(default_factory=AlternatingOptions)
    outside: OutsideOptions = field(default_factory=OutsideOptions)
    recipe: Recipe = field(default_factory=Recipe)
    run: RunOptions = field(default_factory=RunOptions)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Sections of plain values by TOML names; the recipe as `Recipe.to_dict` has it."""
        parts = {part.name: plain_section(getattr(self, part.name)) for part in dataclasses.fields(self)}
        return {name: values for name, values in parts.items() if values} | {"recipe": self.recipe.to_dict()}

    def to_toml(self) -> str:
        """The resolved configuration; `from_toml` gives an equal one."""
        return tomli_w.dumps(self.to_dict())

    def sha256(self) -> str:
        """Hash, in hex, of all that has an influence on the result."""
        kept = {name: values for name, values in self.to_dict().items() if name != "run"}
        return hashlib.sha256(tomli_w.dumps(kept).encode()).hexdigest()

    def updated(self, sections: Mapping[str, Any]) -> "Config":
        """A copy with some options replaced.

        Args: sections: {section: {TOML key: plain value}}.
        Raises: InputError naming the key that is unknown, of the wrong type or out of range.
        """
        parts = {part.name: getattr(self, part.name) for part in dataclasses.fields(self)}
        for name, values in sections.items():
            if name not in parts:
                raise unknown(name, parts)
            if not isinstance(values, Mapping):
                raise InputError(f"{name}: expected a section [{name}], found {values!r}")
            parts[name] = read_section(name, type(parts[name]), values, parts[name])
        return Config(**parts)

    def with_settings(self, settings: Iterable[str]) -> "Config":
        """A copy with texts like "train.seed=3" applied in order; values as in TOML, quotes optional.

        Raises: InputError naming the setting.
        """
        config = self
        for setting in settings:
            config = config.updated(_parse_setting(config, setting))
        return config


def _parse_setting(config: Config, setting: str) -> dict[str, dict[str, Any]]:
    path, equals, text = setting.partition("=")
    name, dot, key = path.strip().partition(".")
    if not (equals and dot and key):
        raise InputError(f"--set {setting}: expected section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    section = getattr(config, name, None)
    known = keys_of(type(section)) if dataclasses.is_dataclass(section) else {}
    if key in known and isinstance(known[key].default, str) and not isinstance(value, str):
        value = text.strip()  # a text that happens to look like a number
    return {name: {key: value}}


def from_toml(text: str, name: str = "config") -> Config:
    """Read a configuration; options that are not there take their defaults.

    Args: name: of the file, for messages.
    Raises: InputError, beginning with the name.
    """
    try:
        return Config().updated(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not valid TOML: {error}") from error
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def load_config(path: str) -> Config:
    """Read a configuration file.

    Raises: InputError naming the file.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except OSError as error:
        raise InputError(f"{path}: cannot read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error
    return from_toml(text, path)
