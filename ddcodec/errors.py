"""What ddcodec raises on purpose."""


class DdzError(Exception):
    """Everything ddcodec raises on purpose; the command line exits with `exit_code`."""

    exit_code = 1


class EncodeError(DdzError, ValueError):
    """The caller's data cannot be written under the chosen codec."""


class InputError(DdzError):
    """The user's input is unusable: a missing file, an array of the wrong shape, a NaN."""


class LimitError(DdzError):
    """Well formed, but more than the caller's `Limits` grant; raised before allocating (spec section 11).

    Attributes: limit (field name of `Limits`), allowed, found; each None where it does not apply.
    """

    def __init__(
        self, problem: str, *, limit: str | None = None, allowed: int | None = None, found: int | None = None
    ) -> None:
        self.limit, self.allowed, self.found = limit, allowed, found
        super().__init__(problem)


def _clip(value: object) -> str:
    """A hostile file must not fill the user's screen, nor send it control characters."""
    text = str(value)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 80 else f"{text[:77]}..."


class FormatError(DdzError):
    """The bytes break format_spec.md.

    Attributes:
        problem: the fault in words.
        offset: byte it was seen at, counted from the start of the file; None where no file is at hand.
        expected, found: values that explain the fault, or None.
        rule: number of the broken rule, such as "C3", or None.
    """

    exit_code = 65

    def __init__(
        self,
        problem: str,
        *,
        offset: int | None = None,
        expected: object = None,
        found: object = None,
        rule: str | None = None,
    ) -> None:
        self.problem, self.offset, self.rule = problem, offset, rule
        self.expected, self.found = expected, found
        place = "" if offset is None else f" at byte {offset}"
        pairs = (("expected", expected), ("found", found))
        details = [f"{word} {_clip(value)}" for word, value in pairs if value is not None]
        tail = f": {', '.join(details)}" if details else ""
        number = "" if rule is None else f" (rule {rule})"
        super().__init__(f"{problem}{place}{tail}{number}")


class TruncatedError(FormatError):
    """The bytes end before the structure does."""


class ChecksumError(FormatError):
    """The bytes are not those that were written."""


class TooNewError(FormatError):
    """Intact as far as can be told, but it needs a newer reader."""
