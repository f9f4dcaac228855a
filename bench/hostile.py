"""Attacks the service over loopback while an honest client asks once a second: ``python bench/hostile.py``.

For every attack: how long the honest client waited at worst, and beyond its usual time, how long `/healthz` took, the
memory of the service with all its processes, and what the attackers were answered. An honest request that is not
answered well, or a service that ends, makes the exit status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import math
import multiprocessing
import os
import socket
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.serving import service  # noqa: E402
from east.flags import add_options, options_from  # noqa: E402
from tests.serving.hostile_images import encode, noise, raw_png, tiff  # noqa: E402

Attack = Callable[[str], str]
"""Does one thing to the service at a URL, and tells what came of it."""


def post(body: bytes, path: str = "/detect", headers: dict[str, str] | None = None) -> Attack:
    def attack(url: str) -> str:
        answer = httpx.post(f"{url}{path}", content=body, headers=headers, timeout=120)
        return str(answer.status_code)

    return attack


def raw(data: bytes, wait: float = 30) -> Attack:
    def attack(url: str) -> str:
        with connect(url, wait) as connection:
            connection.sendall(data)
            with contextlib.suppress(TimeoutError):
                return connection.recv(12).decode("ascii", "replace")[9:] or "closed"
            return "silence"

    return attack


def connect(url: str, wait: float) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((str(address.hostname), int(address.port or 80)), timeout=wait)


def half_open(number: int, seconds: float) -> Attack:
    def attack(url: str) -> str:
        held = []
        for _ in range(number):
            with contextlib.suppress(OSError):
                held.append(connect(url, 5))
                held[-1].sendall(b"POST /detect HTTP/1.1\r\nHost: x\r\n")
        time.sleep(seconds)
        for connection in held:
            connection.close()
        return f"held {len(held)}"

    return attack


def stalled(number: int, size: int, seconds: float) -> Attack:
    """Bodies of which all has come but the last byte."""

    def attack(url: str) -> str:
        head = f"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: {size + 1}\r\n\r\n".encode()
        with contextlib.ExitStack() as stack:
            for _ in range(number):
                with contextlib.suppress(OSError):
                    stack.enter_context(connect(url, 5)).sendall(head + bytes(size))
            time.sleep(seconds)
        return f"held {number}"

    return attack


def jpeg(segments: bytes) -> bytes:
    picture = encode(noise(400, 300), "JPEG")
    return picture[:2] + segments + picture[2:]


def segment(marker: int, content: bytes = b"") -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def progressive(scans: int, side: int) -> bytes:
    """A progressive JPEG with its last scan so many times, as large as it can say it is."""
    picture = bytearray(encode(Image.new("L", (64, 64)), "JPEG", progressive=True))
    at = picture.index(b"\xff\xc2") + 5
    picture[at : at + 4] = struct.pack(">HH", side, side)
    scan = bytes(picture[picture.rindex(b"\xff\xda") : picture.rindex(b"\xff\xd9")])
    return bytes(picture[:-2]) + scan * scans + b"\xff\xd9"


def exif_chain(directories: int) -> bytes:
    """Exif whose directories each lead to the next."""
    block = bytearray(b"Exif\0\0II*\0\x08\0\0\0")
    for number in range(directories):
        following = 8 + 18 * (number + 1) if number + 1 < directories else 0
        block += struct.pack("<HHHIII", 1, 0x8769, 4, 1, following, following)
    return segment(0xE1, bytes(block[:65000]))


def strips(count: int) -> bytes:
    """A TIFF with so many strips of nothing."""
    tags = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, count, 200), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, count, 200)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return (b"II*\0\x08\0\0\0" + directory).ljust(200, b"\0") + bytes(2 * count)


def tile(side: int) -> bytes:
    tags = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    data = zlib.compress(bytes(16))
    tags += [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 200), (325, 4, 1, len(data))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return (b"II*\0\x08\0\0\0" + directory).ljust(200, b"\0") + data


def rle_bmp(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 600, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + 600, 0, 0, 54 + 1024) + header + bytes(1024) + b"\xff\x01" * 300


def chunks(count: int) -> bytes:
    picture = encode(noise(400, 300), "PNG")
    empty = struct.pack(">I4sI", 0, b"tEXt", zlib.crc32(b"tEXt"))
    return picture[:33] + empty * count + picture[33:]


def idats(count: int) -> bytes:
    packed = zlib.compress(bytes(401 * 300), 0)
    pieces = [packed[i : i + 1] for i in range(len(packed))] + [b""] * max(0, count - len(packed))
    body = b"".join(
        struct.pack(">I4s", len(piece), b"IDAT") + piece + struct.pack(">I", zlib.crc32(b"IDAT" + piece))
        for piece in pieces
    )
    picture = raw_png(400, 300, 8, 0, packed)
    return picture[:33] + body + picture[-12:]


def gif(comments: int) -> bytes:
    picture = encode(noise(400, 300, "P"), "GIF")
    at = picture.index(b"\x2c", 13 + 768)
    return picture[:at] + b"\x21\xfe\x01a\0" * comments + picture[at:]


def webp(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side)).save(buffer, "WEBP", lossless=True, quality=0, method=0)
    return buffer.getvalue()


def kserve(**parts: object) -> Attack:
    image = {"name": "image", "shape": [1], "datatype": "BYTES", "data": ["/9j/"]}
    asked = {"inputs": [image], **parts}
    return post(json.dumps(asked).encode(), "/v2/models/east/infer")


def attacks() -> dict[str, list[Attack]]:
    """For each attack what is done at the same time, over and over."""
    entry = b'{"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","data":['
    infer = "/v2/models/east/infer"
    large = io.BytesIO()
    Image.effect_noise((7000, 7000), 60).save(large, "PNG", compress_level=1)
    interlaced = raw_png(7000, 7000, 8, 2, zlib.compress(bytes(7000 * 21001), 1))
    blank = encode(Image.new("L", (2400, 2400)), "PNG")
    form = b"".join(b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\n' + blank + b"\r\n" for _ in range(16))
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    photo = encode(noise(640, 480), "JPEG")
    busy = encode(noise(400, 400), "PNG")
    lax = "?score_threshold=0&nms_threshold=1&box_threshold=0"
    head = b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    return {
        "JPEG, 200,000 empty APP1": [post(jpeg(segment(0xE1) * 200_000))] * 4,
        "JPEG, 500,000 APP2": [post(jpeg(segment(0xE2) * 500_000))] * 4,
        "JPEG, 100,000 Exif blocks": [post(jpeg(segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0") * 100_000))] * 4,
        "JPEG, chain of Exif directories": [post(jpeg(exif_chain(3000)))] * 4,
        "JPEG, 35,000 scans": [post(progressive(35_000, 400))] * 4,
        "JPEG, 90 scans of 7000x7000": [post(progressive(90, 7000))] * 4,
        "JPEG, 7000x7000 in 700 bytes": [post(progressive(0, 7000))] * 4,
        "PNG, 300,000 chunks": [post(chunks(300_000))] * 4,
        "PNG, 300,000 IDAT": [post(idats(300_000))] * 4,
        "PNG, 1x50,000,000": [post(raw_png(1, 50_000_000, 1, 0, zlib.compress(bytes(100_000_000), 9)))] * 4,
        "PNG, 7000x7000 noise": [post(large.getvalue()[: 16 * 2**20])] * 2 + [post(interlaced)] * 2,
        "PNG, 7000x7000 drawn on": [post(interlaced, "/detect?format=image/png")] * 4,
        "GIF, 2,000,000 comments": [post(gif(2_000_000))] * 4,
        "TIFF, 1,500,000 strips": [post(strips(1_500_000))] * 6,
        "TIFF, a tile of 32768x32768": [post(tile(32768))] * 4,
        "TIFF, a tile of 7000x7000": [post(tile(7008))] * 4,
        "TIFF, 60000x60000": [post(tiff(60_000, 60_000))] * 4,
        "BMP, RLE 16Mx3": [post(rle_bmp(16_000_000, 3))] * 4,
        "BMP, RLE 7000x7000": [post(rle_bmp(7000, 7000))] * 4,
        "WebP, 7071x7071": [post(webp(7071))] * 4,
        "batch of 16 2400x2400": [post(form + b"--b--\r\n", "/detect/batch", multipart)] * 4,
        "lax thresholds": [post(blank, f"/detect{lax}")] * 4,
        "lax thresholds, many boxes": [post(busy, f"/detect{lax}")] * 4,
        "PNG, 20 MB of rows for 1x1": [post(raw_png(1, 1, 8, 0, zlib.compress(b"\0\0") + bytes(20 * 2**20)))] * 4,
        "JPEG of 65,501x1": [post(raw_png(65_501, 1, 1, 0, zlib.compress(bytes(8189))), "/detect?format=image/jpeg")]
        * 4,
        "images of 1x1": [post(raw_png(1, 1, 8, 0, zlib.compress(b"\0\0")))] * 6,
        "bodies that stall": [stalled(8, 31 * 2**20, 6), stalled(40, 300 * 2**10, 6)],
        "KServe, 10,000 outputs": [kserve(outputs=[{"name": "quads"}] * 10_000)] * 4,
        "KServe, millions of {}": [post(entry + b"{}," * 5_000_000 + b"{}]}]}", infer)] * 2,
        "KServe, nested": [post(entry + b"[" * 10_000_000, infer)] * 2,
        "KServe, shape": [
            post(json.dumps({"inputs": [{"name": "image", "shape": [1] * 10**6, "datatype": "BYTES"}]}).encode(), infer)
        ]
        * 4,
        "KServe, id": [kserve(id="x" * 10**7)] * 4,
        "KServe, length of 5,000 digits": [post(b"{}", infer, {"Inference-Header-Content-Length": "9" * 5000})] * 4,
        "10,000 parameters": [post(photo, "/detect?" + "&".join(f"x{i}=1" for i in range(5_000)))] * 4,
        "1,200 half-open headers": [half_open(300, 5)] * 4,
        "bodies that never come": [raw(head, 5)] * 40,
        "rubbish": [raw(os.urandom(10_000), 5)] * 20,
        "lengths that differ": [
            raw(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        ]
        * 8,
        "endless chunk extension": [
            raw(b"POST /detect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 10**6, 5)
        ]
        * 8,
    }


@dataclass
class Watch:
    """An honest client, one that probes, and one that looks at memory; in a process that nobody else keeps busy.

    Attributes:
        answers: of the honest client, seconds, status and the milliseconds of its steps.
        probes: seconds of each.
        memory: bytes at most.
    """

    url: str
    probe: str
    pid: int
    photo: bytes
    answers: list[tuple[float, int, dict[str, float]]] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    memory: int = 0

    def start(self) -> None:
        """Starts the process, which ends when its pipe is closed, or this process is gone."""
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_watch, args=[replace(self), theirs], daemon=True)
        self.process.start()
        theirs.close()
        self.pipe = ours  # only now, so that it has no copy of it

    @contextlib.contextmanager
    def watching(self) -> Iterator[Watch]:
        """Watches for as long as the context lasts; what was seen is in what it gives, afterwards."""
        self.pipe.send("begin")
        seen = Watch(self.url, self.probe, self.pid, self.photo)
        yield seen
        self.pipe.send("over")
        seen.answers, seen.probes, seen.memory = self.pipe.recv()

    def work(self, pipe: Connection) -> None:
        """Watches until told that it is over, and sends what it has seen."""
        over = threading.Event()
        works = [partial(self.ask, 1.0), partial(self.look, 0.1), partial(self.weigh, 0.25)]
        threads = [threading.Thread(target=self._repeat, args=[work, over]) for work in works]
        for thread in threads:
            thread.start()
        try:
            pipe.recv()
        finally:
            over.set()
            for thread in threads:
                thread.join()
        pipe.send((self.answers, self.probes, self.memory))

    @staticmethod
    def _repeat(work: Callable[[], float], over: threading.Event) -> None:
        while not over.wait(work()):
            pass

    def ask(self, pause: float) -> float:
        start = time.perf_counter()
        status, body = self._call(self.url, "POST", "/detect", self.photo)
        took = time.perf_counter() - start
        self.answers.append((took, status, json.loads(body)["timings_ms"] if status == 200 else {}))
        return max(0.0, pause - took)

    def look(self, pause: float) -> float:
        start = time.perf_counter()
        status, _ = self._call(self.probe, "GET", "/healthz")
        self.probes.append(time.perf_counter() - start if status == 200 else math.inf)
        return pause

    @staticmethod
    def _call(url: str, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def weigh(self, pause: float) -> float:
        """Memory that is the service's own, of all its processes, as a container's limit counts it."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        total = 0
        for pid in [str(self.pid), *children]:
            with contextlib.suppress(OSError, IndexError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        self.memory = max(self.memory, total * 1024)
        return pause


def _watch(watch: Watch, pipe: Connection) -> None:
    with contextlib.suppress(EOFError):
        while pipe.recv() == "begin":
            replace(watch, answers=[], probes=[]).work(pipe)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="attacks whose names hold this text")
    parser.add_argument("--seconds", type=float, default=6, help="of each attack")
    parser.add_argument("--image", type=Path, default=ROOT / "demo/shop.jpg", help="what the honest client sends")
    add_options(parser)
    options = parser.parse_args()
    options.detector = options_from(options)
    wrong = 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        admin = free.getsockname()[1]
    with service(options, "--admin-port", str(admin)) as (url, pid):
        watch = Watch(url, f"http://127.0.0.1:{admin}", pid, options.image.read_bytes())
        watch.start()
        os.nice(19)  # attackers have machines of their own
        with watch.watching() as seen:
            time.sleep(12)
        usual = float(np.median([took for took, *_ in seen.answers[1:]]))
        slowest = 1e3 * max(seen.probes)
        print(f"usual: {usual:.2f} s, {seen.memory / 2**20:.0f} MiB; /healthz {slowest:.0f} ms at most")
        print(f"{'attack':36} {'worst':>7} {'beyond':>7} {'healthz':>8} {'memory':>9}  answers")
        for name, actions in attacks().items():
            if options.only not in name:
                continue
            until = time.perf_counter() + options.seconds
            outcomes: Counter[str] = Counter()

            def repeat(action: Attack, until: float = until, outcomes: Counter[str] = outcomes) -> None:
                while time.perf_counter() < until:
                    try:
                        outcomes[action(url)] += 1
                    except (httpx.HTTPError, OSError) as error:
                        outcomes[type(error).__name__] += 1

            with watch.watching() as seen, ThreadPoolExecutor(len(actions)) as pool:
                list(pool.map(repeat, actions))
            worst = max(took for took, *_ in seen.answers)
            bad = [status for _, status, _ in seen.answers if status != 200]
            wrong += len(bad)
            told = ", ".join(f"{count} x {outcome}" for outcome, count in outcomes.most_common(4))
            steps = max(seen.answers, key=lambda answer: answer[0])[2]
            told += "; slowest: " + " ".join(f"{step} {ms / 1e3:.1f}" for step, ms in steps.items() if ms > 100)
            told += f"; honest: {bad}" if bad else ""
            print(
                f"{name:36} {worst:6.2f}s {worst - usual:6.2f}s {1e3 * max(seen.probes):6.0f}ms"
                f" {seen.memory / 2**20:6.0f}MiB  {told}",
                flush=True,
            )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
