"""What is measured, at full size and at toy size."""

from __future__ import annotations

from dataclasses import dataclass

from ddcodec.train.config import Config

_CODEC = ("train.fit_steps=0", "train.tune_steps=0", "codec.block=8", "codec.filter_base=0", "train.budget_counts=file")


@dataclass(frozen=True)
class Point:
    """One file: kib per class of the whole file, images per class, joint steps, epochs of its recipe, more options."""

    loss: str
    kib: float
    images: int
    steps: int
    epochs: int
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of its run directory and its file."""
        return f"{self.loss}-{self.kib:g}kib"


@dataclass(frozen=True)
class Plan:
    """dm, tm: points of the stages; options: of all points, pool: of those of dm, experts: of those of tm.

    seeds: networks that judge a file, trained together. judge_seconds: what has to be left before one is judged.
    step_images: synthetic images per class at which steps are timed; step_real: real images per class and step of
    plain DM; step_seconds: how long each is timed at least; state_mib: how much state may leave the machine.
    """

    dm: tuple[Point, ...]
    tm: tuple[Point, ...]
    options: tuple[str, ...]
    pool: tuple[str, ...]
    experts: tuple[str, ...]
    seeds: int
    judge_seconds: float
    step_images: tuple[int, ...]
    step_real: int
    step_seconds: float
    state_mib: int

    def config(self, point: Point) -> Config:
        """Options of a point's run."""
        own = self.pool if point.loss == "dm" else self.experts
        return Config().with_settings(
            [
                *(*_CODEC, *self.options, *own, f"train.loss={point.loss}", f"train.joint_steps={point.steps}"),
                *(f"train.bytes_per_class={1024 * point.kib}", f"train.images_per_class={point.images}"),
                *(f"recipe.epochs={point.epochs}", *point.options),
            ]
        )

    def experts_config(self) -> Config:
        """Options of the experts, which all points of tm share."""
        return Config().with_settings([*self.options, *self.experts, "train.loss=tm"])


# Images per class grow with the root of the bytes from 36 at 1 KiB, which was best on a CPU among 20, 36 and 50.
# Epochs: 3,000 to 5,600 steps of SGD for every set, after which accuracy no longer moved on a CPU at width 64.
FULL = Plan(
    dm=(
        Point("dm", 1, 36, 1000, 1000),
        Point("dm", 4, 72, 1000, 700),
        Point("dm", 13, 130, 1000, 400),
        Point("dm", 95, 350, 600, 200),
    ),
    # 60 student steps against 2 epochs of an expert, as in arXiv 2507.17221; starts later where the set is larger.
    tm=(
        Point("tm", 6.5, 92, 800, 500, ("tm.max_start=10",)),
        Point("tm", 13, 130, 800, 400, ("tm.max_start=20",)),
    ),
    options=(
        *("matching.width=128", "matching.augmentation=flip_crop", "run.checkpoint_every=200"),
        *("recipe.width=128", "recipe.batch_size=128", "recipe.learning_rate=0.02"),
    ),
    pool=("matching.networks=8", "matching.stages=[200, 600]", "matching.real_per_class=0"),
    experts=(
        *("tm.experts=20", "tm.together=10", "tm.expert_epochs=50", "tm.expert_batch=256", "tm.expert_rate=0.01"),
        *("tm.student_steps=60", "tm.batch=256", "tm.span=2", "tm.student_rate=0.01", "tm.max_start=20"),
    ),
    seeds=5,
    judge_seconds=90,
    step_images=(10, 96),
    step_real=256,
    step_seconds=10,
    state_mib=40,
)

TOY = Plan(
    dm=(Point("dm", 0.1, 2, 6, 3), Point("dm", 0.2, 4, 3, 3)),
    tm=(Point("tm", 0.15, 3, 4, 3, ("tm.max_start=1",)),),
    options=("matching.width=8", "matching.augmentation=crop", "run.checkpoint_every=200", "recipe.width=8"),
    pool=("matching.networks=2", "matching.stages=[2, 4]", "matching.real_per_class=0"),
    experts=(
        *("tm.experts=3", "tm.together=2", "tm.expert_epochs=3", "tm.expert_batch=64", "tm.expert_rate=0.1"),
        *("tm.student_steps=3", "tm.batch=20", "tm.span=2", "tm.max_start=1"),
    ),
    seeds=2,
    judge_seconds=0,
    step_images=(2,),
    step_real=8,
    step_seconds=0,
    state_mib=40,
)
