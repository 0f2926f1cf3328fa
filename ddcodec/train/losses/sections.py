"""What each loss may be told beside [matching]; quiet, since runs of before there was more than dm have hashes."""

from dataclasses import dataclass

from ddcodec.train.options import option


@dataclass(frozen=True)
class GradientOptions:
    """Gradient matching (dc).

    real_batch: real images per class in a step. matches: steps before the network is drawn anew. inner_steps: SGD
    steps that the network makes between two of them, at inner_rate. train_on: what it makes them on.
    """

    real_batch: int = option(64, low=1, quiet=True)
    matches: int = option(10, low=1, quiet=True)
    inner_steps: int = option(5, low=0, quiet=True)
    inner_rate: float = option(0.02, low=1e-9, quiet=True)
    train_on: str = option("synthetic", choices=("synthetic", "real"), quiet=True)


@dataclass(frozen=True)
class CharacteristicOptions:
    """Characteristic function matching (ncfm).

    real_batch: real images per class in a step. frequencies: arguments at which the functions are compared.
    spread: standard deviation of an argument times standardised features. ascent: step of the adversary that
    chooses which features the arguments look at, 0 for none. phase: share of phase against amplitude. head: share
    of dm's last-layer term in the pixel gradient, 0 for none.
    """

    real_batch: int = option(128, low=1, quiet=True)
    frequencies: int = option(512, low=1, quiet=True)
    spread: float = option(1.0, low=1e-6, quiet=True)
    ascent: float = option(0.05, low=0, quiet=True)
    phase: float = option(0.5, low=0, high=1, quiet=True)
    head: float = option(1.0, low=0, quiet=True)


@dataclass(frozen=True)
class TrajectoryOptions:
    """Trajectory matching (tm).

    experts: networks trained on the real images, `together` at a time, for expert_epochs of batches of
    expert_batch at expert_rate. student_steps: SGD steps of a student, on `batch` synthetic images each, that
    shall do what an expert does in `span` epochs from one of its first max_start + 1 checkpoints. student_rate:
    where its learning rate begins; rate_step: how fast the rate's logarithm is learned, 0 to keep it.
    """

    experts: int = option(20, low=1, quiet=True)
    together: int = option(5, low=1, quiet=True)
    expert_epochs: int = option(30, low=1, quiet=True)
    expert_batch: int = option(256, low=1, quiet=True)
    expert_rate: float = option(0.01, low=1e-9, quiet=True)
    student_steps: int = option(30, low=1, quiet=True)
    batch: int = option(100, low=1, quiet=True)
    span: int = option(2, low=1, quiet=True)
    max_start: int = option(10, low=0, quiet=True)
    student_rate: float = option(0.01, low=1e-9, quiet=True)
    rate_step: float = option(0.02, low=0, quiet=True)


@dataclass(frozen=True)
class KernelOptions:
    """Maximum mean discrepancy (mmd).

    real_batch: real images per class in a step. bandwidths: widths of the Gaussians whose mean the kernel is, in
    percent of the root of the number of features, which are standardised (at 100 the kernel of images that have nothing
    in common is about 1/e). head: share of dm's last-layer term in the pixel gradient, 0 for none.
    """

    real_batch: int = option(30, low=1, quiet=True)
    bandwidths: tuple[int, ...] = option((25, 50, 100, 200, 400), low=1, high=100_000, many=True, quiet=True)
    head: float = option(1.0, low=0, quiet=True)


@dataclass(frozen=True)
class AlternatingOptions:
    """Trajectory matching and mmd in turn (d3); each does as its own section says, mmd without its head.

    tm_steps, mmd_steps: steps of one and of the other in a round. mmd_share: norm of mmd's gradient in parts of the
    trajectory's. feature_epoch: epochs after which an expert gives the features for mmd, 0 for all of them.
    """

    tm_steps: int = option(1, low=1, quiet=True)
    mmd_steps: int = option(1, low=0, quiet=True)
    mmd_share: float = option(1.0, low=0, quiet=True)
    feature_epoch: int = option(0, low=0, quiet=True)


@dataclass(frozen=True)
class OutsideOptions:
    """Losses from other packages; real_batch: real images per class that they are given in a step."""

    real_batch: int = option(64, low=1, quiet=True)
