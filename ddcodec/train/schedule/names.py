"""What is in the folder of a split run."""

PLAN, BLOCKS, MERGED, LOG = "plan.json", "blocks", "merged.ddz", "schedule.jsonl"
