"""Write the README's tables from the rows in results/.

python -m benchmarks.tables          replaces what stands between the README's table marks
"""

from __future__ import annotations

import statistics
from collections import defaultdict

from benchmarks.representation_table import at_psnr, curves
from benchmarks.rows import RESULTS, ROOT, read
from ddcodec.format.atomic import write_atomic

BEGIN, END = "<!-- tables: python -m benchmarks.tables -->", "<!-- /tables -->"
LEVELS_DB = (24, 26, 28, 30, 32, 34)
COLUMNS = {
    "ours": "ours",
    "own networks": "ours, all networks in the file",
    "avif 4:4:4": "AVIF 4:4:4",
    "avif 4:2:0": "AVIF 4:2:0",
    "webp": "WebP",
    "paper v3-2": "paper's design, v3-2",
    "paper v5": "paper's design, v5",
}


def representation() -> list[str]:
    """Bytes per class at equal PSNR."""
    table = curves()
    names = [name for name in COLUMNS if name in table]
    lines = [
        "**Pictures kept** (fit only): bytes per class at equal PSNR, 10 lossless CIFAR-10 images per class; AVIF and",
        "WebP as one mosaic of the whole set at their slowest setting.",
        "",
        "| PSNR dB | " + " | ".join(COLUMNS[name] for name in names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for level in LEVELS_DB:
        cells = [at_psnr(table[name], level) for name in names]
        lines.append(f"| {level} | " + " | ".join("" if c is None else f"{c:,.0f}" for c in cells) + " |")
    points = [
        f"{row['counted_bytes_per_class']} B at {row['psnr_db']} dB ({row['method'].removeprefix('paper ')})"
        for row in read(RESULTS / "representation.tsv")
        if row["method"].startswith("paper")
    ]
    if points:
        lines += ["", "Points of the paper's design in our code (no container counted): " + "; ".join(points) + "."]
    return lines


def joint() -> list[str]:
    """Accuracy at equal file bytes."""
    groups: dict[tuple[float, int, str, int], list[dict[str, str]]] = defaultdict(list)
    for row in read(RESULTS / "joint.tsv"):
        if row.get("accuracy_percent"):
            key = (float(row["kib_per_class"]), int(row["epochs"]), row["method"], int(row["images_per_class"]))
            groups[key].append(row)
    if not groups:
        return []
    lines = [
        "**Distilled**: CIFAR-10 (JPEG copies), ConvNet-3 of width 64, all 10,000 test images; mean and standard",
        "deviation over seeds of the evaluation.",
        "",
        "| KiB per class | set | images per class | file bytes | epochs | accuracy % | seeds |",
        "|---|---|---|---|---|---|---|",
    ]
    for (kib, epochs, method, count), rows in sorted(groups.items()):
        values = [float(row["accuracy_percent"]) for row in rows]
        spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
        size = int(rows[0]["file_bytes"])
        cells = (f"{kib:g}", method, count, f"{size:,}", epochs, f"{statistics.mean(values):.1f}{spread}", len(values))
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def speed() -> list[str]:
    """Decoding on one core."""
    rows = read(RESULTS / "decode_speed.tsv")
    if not rows:
        return []
    lines = [
        "**Speed**, one core: 10 classes of 10 images at 32x32 and of 51 at 128x128; latents drawn from the model.",
        "",
        "| set | latents | entropy decode, Msymbol/s (coder alone) | to pixels, s | peak MiB | encode / decode |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row["set"]):
        rate = f"{row['entropy_msymbols_per_s']} ({row['coder_alone_msymbols_per_s']})"
        cells = [f"{row['synthesis']} {row['size']}x{row['size']}", f"{int(row['latents']):,}", rate]
        cells += [row["whole_decode_s"], row["peak_mib"], row["encode_over_decode"]]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Replace the README's tables."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    parts = [*joint(), "", *representation(), "", *speed(), ""]
    write_atomic(readme, (before + BEGIN + "\n" + "\n".join(parts) + "\n" + END + after).encode())


if __name__ == "__main__":
    main()
