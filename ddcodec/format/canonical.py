"""MessagePack in its one canonical form (rule C8): what is read must be what packing gives again."""

from typing import Any

import msgpack

from ddcodec.errors import FormatError
from ddcodec.format.scan import Dialect, scan

_LIBRARY_ERRORS = (
    ValueError,  # among them text that is not UTF-8, and its own ExtraData, FormatError and StackError
    TypeError,  # a map as the key of a map
    msgpack.UnpackException,
    msgpack.exceptions.ExtraData,
    msgpack.exceptions.FormatError,
    msgpack.exceptions.StackError,
)


def pack(value: object) -> bytes:
    """Pack a value of plain Python types: shortest integers, 64-bit floats, maps in the order given.

    Raises: TypeError, ValueError, OverflowError for what MessagePack cannot hold.
    """
    packed: bytes = msgpack.packb(value, use_bin_type=True, use_single_float=False)
    return packed


def unpack(data: bytes, dialect: Dialect, offset: int) -> Any:
    """Unpack one value and insist on canonical bytes.

    Args:
        data: packed bytes, of a length already held against its limit.
        dialect: what is allowed.
        offset: place of `data` in the file.
    Returns: plain Python values (list, int, str, and dict, float, bool where the dialect has them).
    Raises: FormatError with the dialect's rule.
    """
    scan(data, dialect, offset)
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_str_len=len(data),
            max_bin_len=0,
            max_array_len=len(data),
            max_map_len=len(data),
            max_ext_len=0,
        )
    except _LIBRARY_ERRORS as error:
        found = str(error) or type(error).__name__
        raise FormatError(
            f"{dialect.name} is not valid MessagePack", offset=offset, found=found, rule=dialect.rule
        ) from error
    if not keys_ascend(value):
        raise FormatError(
            f"{dialect.name} has a map whose keys are not strings in ascending order",
            offset=offset,
            rule=dialect.rule,
        )
    again = pack(value)  # a key that stands twice is lost on the way, and so found here
    if again != data:
        pairs = zip(data, again, strict=False)
        place = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(data), len(again)))
        raise FormatError(f"{dialect.name} is not canonical", offset=offset + place, rule=dialect.rule)
    return value


def keys_ascend(value: object) -> bool:
    """Whether every map in `value` has string keys in ascending order (code points, which is UTF-8 order)."""
    if isinstance(value, dict):
        keys = list(value)
        return (
            all(isinstance(key, str) for key in keys)
            and keys == sorted(keys)
            and all(keys_ascend(child) for child in value.values())
        )
    return not isinstance(value, list) or all(keys_ascend(child) for child in value)
