"""What a merged file says: all that its blocks say alike, and notes that let `split` give them back."""

from collections.abc import Mapping
from typing import Any

from ddcodec.errors import InputError
from ddcodec.format import constants as c
from ddcodec.format.canonical import pack
from ddcodec.format.metadata import pack_metadata
from ddcodec.merging.arrangement import Arrangement
from ddcodec.merging.notes import BLOCK, BLOCKS, Block, Origin
from ddcodec.merging.words import agreed, as_metadata, difference, same, shared_words

_JUDGED = ("accuracy", "accuracy_std", "accuracy_repeats", "accuracy_test")
"""Of a recipe: what was measured with one set, and says nothing about another."""


def merged_metadata(plan: Arrangement, metadata_of: str | None, notes: list[str]) -> bytes:
    """Section meta; what gets lost is added to `notes`.

    Raises: InputError where mean, std or whitening differ.
    """
    common = _common(plan, metadata_of, notes)
    with_hash = all(part.has_hash for part in plan.files)
    origins = [_origin(plan, number, common, with_hash) for number in range(len(plan.files))]
    whole: dict[str, Any] = {}
    for with_own in (True, False):
        provenance = {**common.get("provenance", {}), BLOCKS: [origin.note(with_own) for origin in origins]}
        whole = common | {"provenance": provenance}
        if len(pack(whole)) <= c.MAX_METADATA_BYTES:
            break
        if with_own:
            notes.append("what only single blocks say about themselves is left out: it is too much for one file")
    return pack_metadata(as_metadata(whole), plan.class_count, plan.files[0].header.shape.channels)


def _common(plan: Arrangement, metadata_of: str | None, notes: list[str]) -> dict[str, Any]:
    """Plain metadata of the whole, but for the note on its blocks."""
    maps = [part.metadata for part in plan.files]
    common = agreed(maps)
    _settle_normalisation(common, plan, metadata_of)
    if all("classes" in words for words in maps):
        common["classes"] = [plan.files[f].metadata["classes"][k] for f, k in plan.members]
    elif any("classes" in words for words in maps):
        notes.append("class names are left out: not all blocks have them")
    recipes = [words.get("recipe", {}) for words in maps]
    recipe = {key: value for key, value in agreed(recipes).items() if key not in _JUDGED}
    lost = sorted({key for words in recipes for key in words} - set(recipe) - set(_JUDGED))
    if lost:
        notes.append(f"of the recipe {', '.join(lost)} left out: blocks differ in it")
    provenance = agreed([part.provenance for part in plan.files])
    for key in (BLOCK, BLOCKS):
        provenance.pop(key, None)
    if plan.blocks is not None:
        classes = sorted(number for block in plan.blocks for number in block.classes)
        provenance[BLOCK] = Block(tuple(classes), plan.blocks[0].of).note()
    common |= {"recipe": recipe, "provenance": provenance}
    return {key: value for key, value in common.items() if value or not isinstance(value, Mapping)}


def _origin(plan: Arrangement, number: int, common: Mapping[str, Any], with_hash: bool) -> Origin:
    part, places = plan.files[number], plan.places[number]
    block = None if plan.blocks is None else plan.blocks[number]
    own: dict[str, Any] = {}
    words = difference(shared_words(common, places, block), part.metadata)
    if words:
        own["meta"] = words
    if part.has_hash and not with_hash:
        own["hash"] = True
    return Origin(places, own)


def _settle_normalisation(common: dict[str, Any], plan: Arrangement, metadata_of: str | None) -> None:
    """Insist on one mean, std and whitening of all images; put the chosen file's mean and std into `common`.

    Raises: InputError naming two files that differ.
    """
    chosen = next((part for part in plan.files if part.name == metadata_of), None)
    if metadata_of is not None and chosen is None:
        raise InputError(f"--take-metadata-of {metadata_of}: is none of the files to be merged")
    first = plan.files[0]
    for part in plan.files[1:]:
        for key in ("whitening", "mean", "std"):
            values = part.metadata.get(key, []), first.metadata.get(key, [])
            if same(*values) or (chosen is not None and key != "whitening"):
                continue
            hint = "" if key == "whitening" else "; --take-metadata-of FILE says whose mean and std shall hold"
            raise InputError(f"{part.name}: has another {key} than {first.name}{hint}")
    if chosen is not None:
        common |= {key: chosen.metadata[key] for key in ("mean", "std") if key in chosen.metadata}
