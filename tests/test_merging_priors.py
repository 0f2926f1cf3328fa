"""Blocks of priors put together and taken apart: decoders stay with their groups, draws follow the new numbers."""

import numpy as np

from ddcodec.limits import Limits
from ddcodec.merging.coded_file import take_apart
from ddcodec.merging.merge import merge
from ddcodec.merging.split import split
from ddcodec.pipeline import Metadata, decode, encode_set, verify
from ddcodec.train.config import Config
from tests.prior_models import LINEAR, SEEDED, prior_model
from tests.train.priors.test_prior_training import SMALL
from tests.train.small_runs import DIGITS
from tests.train.small_schedules import distil, local


def block(config, first, count, seed):
    names = tuple("abcdefgh"[first : first + count])
    metadata = Metadata(classes=names, provenance={"block": [5, first, count]})
    return encode_set(prior_model(config, counts=(2,) * count, seed=seed), metadata, with_hash=True)


def taken(*files):
    return [take_apart(data, f"{number}.ddz", Limits()) for number, data in enumerate(files)]


def test_blocks_of_priors_become_one_file_and_come_back():
    first, second = block(SEEDED, 0, 3, 1), block(LINEAR, 3, 2, 2)
    whole = merge(taken(second, first)).data
    verify(whole)
    found, parts = decode(whole), [decode(data) for data in (first, second)]
    assert found.classes == tuple("abcde")
    assert found.class_counts == (2,) * 5
    assert np.array_equal(found.pixels, np.concatenate([part.pixels for part in parts]))
    # priors of the first block keep their numbers, those of the second one get others
    assert np.array_equal(found.priors.draw(3, 9)[:6], parts[0].priors.draw(3, 9))
    assert not np.array_equal(found.priors.draw(3, 9)[6:], parts[1].priors.draw(3, 9))
    assert split(take_apart(whole, "whole.ddz", Limits())) == ([first, second], [])


def test_a_split_run_of_priors(tmp_path):
    config = Config().with_settings([*SMALL, "run.checkpoint_every=4", "train.bytes_per_class=200"])
    digest = distil(tmp_path / "a", local(1), config, subtasks=2)
    assert distil(tmp_path / "b", local(2), config, subtasks=2) == digest
    found = decode((tmp_path / "a" / "merged.ddz").read_bytes())
    assert found.priors is not None
    assert found.class_counts == (2,) * 10
    assert abs(found.mean[0] - DIGITS.images.mean()) < 1e-6  # of all classes, though each block saw its own
