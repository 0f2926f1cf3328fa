"""Several clients, each of which fetches only its own classes of one file on a web server.

    python examples/federated_client.py

The server runs here, on a free port, and counts the bytes it sends. It answers range requests, as nginx, Apache and
object stores do; without them a client would fetch the file as a whole and still get the right images.
"""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

import ddcodec
from ddcodec.dataset import make_set
from ddcodec.pipeline import encode_pixels
from ddcodec.sources.spec import load_spec

CLIENTS = {"north": ["0", "1"], "east": ["7"], "south": ["3", "4", "5"]}
PER_CLASS = 100


class Server(ThreadingHTTPServer):
    """Holds one file. Field: sent, bytes of it that were sent."""

    def __init__(self, data: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.sent = data, 0


class Handler(BaseHTTPRequestHandler):
    """Sends the range of bytes that is asked for."""

    server: Server

    def do_GET(self) -> None:
        """Answer one request."""
        data, wanted = self.server.data, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, last = (int(wanted[1]), min(int(wanted[2]), len(data) - 1)) if wanted else (0, len(data) - 1)
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last + 1 - start))
        self.end_headers()
        self.server.sent += last + 1 - start
        self.wfile.write(data[start : last + 1])

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def digits_file() -> bytes:
    """A file of 100 handwritten digits of each class, kept exactly."""
    real = load_spec("digits:train")
    chosen = np.concatenate([np.flatnonzero(real.labels == number)[:PER_CLASS] for number in range(10)])
    pixels = np.rint(real.images[chosen] * 255).astype(np.int16)
    return encode_pixels(make_set(pixels, 255, [PER_CLASS] * 10, classes=real.classes))


def main() -> None:
    """Serve the file and let each client take its part."""
    data = digits_file()
    server = Server(data)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/digits.ddz"
    print(f"the file has {len(data)} bytes")
    for client, classes in CLIENTS.items():
        server.sent = 0
        s = ddcodec.load(url, classes=classes, per_class=50)
        share = server.sent / len(data)
        print(f"{client}: classes {' '.join(classes)}: {len(s)} images, {server.sent} bytes ({share:.0%})")
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
