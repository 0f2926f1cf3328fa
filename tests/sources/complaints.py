"""How tests of importers get at the one line that an import fails with."""

import pytest
import torch

from ddcodec.errors import DdzError
from ddcodec.sources.detect import read_foreign
from tests.sources import foreign_files as files


def complaint(path, options=files.AS_CIFAR):
    """The one line that an import fails with; it begins with the path."""
    with pytest.raises(DdzError) as caught:
        read_foreign(path, options)
    text = str(caught.value)
    assert text.startswith(str(path)), text
    assert "\n" not in text
    return text


def saved(folder, content, name="x.pt"):
    """A file of torch.save."""
    torch.save(content, folder / name)
    return folder / name
