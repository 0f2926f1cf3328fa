"""--loss on the command line."""

from tests.calls import call, complaint
from tests.train.small_runs import SHORT


def test_a_loss_by_name(tmp_path):
    settings = [word for setting in (*SHORT, "dc.real_batch=4") for word in ("--set", setting)]
    call("distill", "--data", "digits", "--out", tmp_path / "run", "--loss", "dc", "--device", "cpu", *settings)
    assert 'loss = "dc"' in (tmp_path / "run" / "config.toml").read_text()
    assert (tmp_path / "run" / "result.json").exists()


def test_an_unknown_loss_leaves_nothing_behind(tmp_path):
    for name, words in (("dd", "did you mean 'dm'"), ("no_such_package:Loss", "cannot import no_such_package")):
        found = complaint("distill", "--data", "digits", "--out", tmp_path / "run", "--loss", name, "--device", "cpu")
        assert words in found
        assert not (tmp_path / "run").exists()
