"""Options: defaults, TOML in and out, --set, and what is refused."""

import pytest

from ddcodec.errors import InputError
from ddcodec.train.config import Config, from_toml, load_config
from ddcodec.train.evaluate import Recipe


def test_toml_round_trip():
    config = Config().with_settings(["train.lambda=0.5", "codec.context_widths=[8]", "recipe.width=16"])
    assert from_toml(config.to_toml()) == config
    assert config.train.lambda_ == 0.5
    assert config.codec.context_widths == (8,)
    assert config.recipe == Recipe(width=16)
    assert "lambda = 0.5" in config.to_toml()


def test_missing_options_take_their_defaults():
    assert from_toml("") == Config()
    assert from_toml("[train]\nseed = 3\n").train.seed == 3


def test_an_integer_stands_for_a_number_and_a_word_needs_no_quotes():
    config = Config().with_settings(["train.lambda=2", "codec.synthesis=pyramid", "codec.preset=4"])
    assert (config.train.lambda_, config.codec.synthesis, config.codec.preset) == (2.0, "pyramid", "4")
    assert Config().with_settings(["codec.preset='v3-2'"]).codec.preset == "v3-2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[train]\nsed = 1", ["train.sed", "did you mean train.seed?"]),
        ("[trian]\nseed = 1", ["trian", "did you mean train?"]),
        ("[recipe]\nepoch = 1", ["recipe.epoch", "recipe.epochs"]),
        ("[zzz]\nq = 1", ["zzz", "known: codec"]),
        ("train = 3", ["train", "section"]),
        ("[train]\nseed = 1.5", ["train.seed", "an integer", "1.5"]),
        ("[train]\nseed = true", ["train.seed", "True"]),
        ("[train]\nseed = '1'", ["train.seed", "'1'"]),
        ("[train]\nlambda = nan", ["train.lambda", "finite"]),
        ("[train]\nlambda = -1", ["train.lambda", "at least 0", "-1"]),
        ("[train]\nlambda_ = 1", ["train.lambda_", "did you mean train.lambda?"]),
        ("[train]\nimages_per_class = 0", ["train.images_per_class", "at least 1"]),
        ("[codec]\nsynthesis = 'jpeg'", ["codec.synthesis", "'transform' or 'pyramid'", "'jpeg'"]),
        ("[codec]\ncontext_widths = [8, 'x']", ["codec.context_widths", "list of integers"]),
        ("[codec]\ncontext_widths = []", ["codec.context_widths"]),
        ("[codec]\ncontext_widths = [129]", ["codec.context_widths", "1..128", "129"]),
        ("[recipe]\nnetwork = 'resnet'", ["recipe", "resnet"]),
        ("[recipe]\naugmentation = 'turn'", ["recipe", "turn"]),
        ("[train\n", ["TOML"]),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(InputError) as caught:
        from_toml(text, "my.toml")
    message = str(caught.value)
    assert message.startswith("my.toml: ")
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize("setting", ["train.seed", "seed=1", "train.=1", "=", "train.sed=1", "nothing.seed=1"])
def test_settings_that_are_refused(setting):
    with pytest.raises(InputError, match=r"train\.seed|seed=1|expected section|nothing|expected"):
        Config().with_settings([setting])


def test_the_hash_leaves_the_run_section_out():
    config = Config()
    assert config.with_settings(["run.checkpoint_every=7"]).sha256() == config.sha256()
    assert config.with_settings(["train.seed=7"]).sha256() != config.sha256()


def test_files(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("[train]\nseed = 5\n")
    assert load_config(str(path)).train.seed == 5
    with pytest.raises(InputError, match=r"missing\.toml"):
        load_config(str(tmp_path / "missing.toml"))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        load_config(str(path))
