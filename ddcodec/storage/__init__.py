"""Where the bytes of a file come from: a disk, a web server, or any file system that fsspec knows."""

from ddcodec.storage.opening import OpenSource, is_url, open_source

__all__ = ["OpenSource", "is_url", "open_source"]
