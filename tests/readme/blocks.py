"""What a Markdown document shows in fences, and what it names in passing."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([^`]*?)\s*")


@dataclass(frozen=True)
class Block:
    """One fenced block: its document, the line its text begins at (from 1), the word behind the fence, its text."""

    document: str
    line: int
    language: str
    text: str

    def place(self, line: int = 0) -> str:
        """Document and line, the line counted from the start of the block."""
        return f"{self.document}:{self.line + line}"


def blocks_of(text: str, document: str) -> list[Block]:
    """All fenced blocks of a document, in order.

    Raises: ValueError for a fence that is never closed.
    """
    blocks: list[Block] = []
    fence, language, start, inside = "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        found = _FENCE.fullmatch(line)
        if not fence and found:
            fence, language, start, inside = found[1], found[2], number + 1, []
        elif fence and found and found[1].startswith(fence) and not found[2]:
            blocks.append(Block(document, start, language, "\n".join(inside)))
            fence = ""
        elif fence:
            inside.append(line)
    if fence:
        raise ValueError(f"{document}:{start - 1}: the fence is never closed")
    return blocks


def prose_of(text: str) -> str:
    """The document without its fenced blocks."""
    fenced = {
        number for block in blocks_of(text, "") for number in range(block.line, block.line + 1 + block.text.count("\n"))
    }
    return "\n".join(line for number, line in enumerate(text.splitlines(), 1) if number not in fenced)


def code_spans(text: str) -> list[str]:
    """What stands between single backticks in the prose."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose_of(text))


def local_links(text: str) -> list[str]:
    """Targets of links and pictures that lie in the repository, without anchors."""
    targets = re.findall(r"\]\(([^()\s]+)\)", prose_of(text))
    return [target.partition("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
