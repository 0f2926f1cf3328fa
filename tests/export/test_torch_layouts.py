"""Layouts of other projects, read as these read them: torch.load without trust, tensors sorted by class."""

import sys

import numpy as np
import pytest

from ddcodec.errors import DdzError
from ddcodec.export.torch_layouts import write_dc, write_ddranking, write_mtt
from tests.views.small_sets import ORDER, full_set, small_set, soft

torch = pytest.importorskip("torch")
BY_CLASS = np.argsort(ORDER, kind="stable")
FOLDERS = {"_best": write_mtt, "": write_ddranking}


def read(path):
    return torch.load(path, weights_only=True)


def test_dc(tmp_path):
    s = full_set()
    write_dc(s, tmp_path / "res_DM.pt")
    found = read(tmp_path / "res_DM.pt")
    assert sorted(found) == ["accs_all_exps", "data"]
    assert found["accs_all_exps"] == {}
    [[images, labels]] = found["data"]
    assert np.array_equal(images.numpy(), s.normalised()[BY_CLASS])
    assert (labels.dtype, labels.tolist()) == (torch.int64, [0, 0, 2, 2, 2])


@pytest.mark.parametrize("ending", FOLDERS)
def test_folders(tmp_path, ending):
    s = full_set()
    FOLDERS[ending](s, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *(f"{name}{ending}.pt" for name in ("images", "labels", "lr")),
    ]
    images, labels, rate = (read(tmp_path / "out" / f"{name}{ending}.pt") for name in ("images", "labels", "lr"))
    assert np.array_equal(images.numpy(), s.normalised()[BY_CLASS])
    assert np.array_equal(labels.numpy(), s.soft.floats[BY_CLASS])
    assert (rate.shape, rate.dtype, float(rate)) == ((), torch.float32, 0.25)


@pytest.mark.parametrize("ending", FOLDERS)
def test_folders_of_a_plain_set(tmp_path, ending):
    s = small_set()
    FOLDERS[ending](s, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"images{ending}.pt", f"labels{ending}.pt"]
    labels = read(tmp_path / "out" / f"labels{ending}.pt")
    assert (labels.dtype, labels.tolist()) == (torch.int64, [0, 0, 2, 2, 2])
    assert np.array_equal(read(tmp_path / "out" / f"images{ending}.pt").numpy(), s.images[BY_CLASS])


def test_probabilities_become_logits(tmp_path):
    given = soft("probabilities", unit=300)
    given.values[:] = [[300, 0, 0], [100, 100, 100], [150, 149, 1], [0, 300, 0], [30, 60, 210]]
    write_mtt(small_set(soft=given), tmp_path / "out")
    logits = read(tmp_path / "out" / "labels_best.pt")
    assert torch.isfinite(logits).all()
    expected = torch.from_numpy(given.floats[BY_CLASS])
    assert torch.allclose(torch.softmax(logits, dim=1), expected, atol=1 / 300)


def test_scores_are_no_logits(tmp_path):
    write_mtt(full_set("scores"), tmp_path / "out")
    assert read(tmp_path / "out" / "labels_best.pt").dtype == torch.int64


@pytest.mark.parametrize("write", [write_dc, *FOLDERS.values()])
def test_what_only_a_missing_matrix_would_show_is_refused(tmp_path, write):
    with pytest.raises(DdzError, match=r"recipe\.zca.*--to npz"):
        write(full_set(recipe={"zca": 0.1}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mosaics_are_cut(tmp_path):
    s = full_set(recipe={"factor": 2})
    write_dc(s, tmp_path / "x.pt")
    [[images, labels]] = read(tmp_path / "x.pt")["data"]
    assert labels.tolist() == [0] * 8 + [2] * 12
    expected = s.eval_transform()(s.expanded()[0])
    assert np.array_equal(images.numpy()[:4], expected[4:8])  # sample 1 is the first of class 0


def test_whitened_images_stay_as_they_are(tmp_path):
    s = small_set(whitening={"kind": "zca", "epsilon": 0.1})
    write_dc(s, tmp_path / "x.pt")
    [[images, _]] = read(tmp_path / "x.pt")["data"]
    assert np.array_equal(images.numpy(), s.images[BY_CLASS])


def test_without_torch_nothing_is_written(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    for write in (write_dc, write_mtt, write_ddranking):
        with pytest.raises(DdzError, match=r"ddcodec\[train\]"):
            write(small_set(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
