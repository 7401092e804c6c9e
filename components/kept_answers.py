"""Answers for everybody: made once, kept for a scrape interval, handed out as bytes however many ask.

Every worker has the bytes in memory, all workers share them through the answers' cache. What few ask for (ranges and filters
beyond those of the menus) is kept likewise, but making it is rationed, so that nobody can make the portal flood its sources.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from core.errors import Busy, TurtleError
from datasources.cache import Cache

MEMORY = 32 * 1024**2  # bytes of answers in one process
RARE_PER_SECOND, RARE_BURST = 4.0, 30.0  # answers few ask for that one process makes
RARE_AT_ONCE, RARE_WAITING, RARE_PATIENCE = 4, 6, 2.0
FAILED_SECONDS = 5  # an answer that says that a source failed
FAILED_LAST = 30  # so long others still get it at once while one of those who ask waits for the source anew
STALE = 3  # an answer is handed out for so many intervals at most, while or because no new one can be made
GZIP = 31  # zlib's window bits for a stream with gzip's header


@dataclass(frozen=True)
class Answer:
    """The bytes of an answer around what differs between those who ask: parts joined by it. `type`, `name`: of a file."""

    parts: tuple[bytes, ...]
    mimetype: str = "application/json"
    name: str = ""
    made: float = 0.0  # UTC seconds

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(map(len, self.parts))

    def body(self, own: bytes) -> bytes:
        """The whole answer for somebody."""
        return own.join(self.parts)


class Failed(Exception):
    """Made, but it says that something failed: not to be kept by all."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("answer with failures")
        self.answer = answer


@dataclass
class _Held:
    """An answer in this process's memory; `gzip`: its first part compressed, and the compressor in the state after it."""

    answer: Answer
    until: float  # monotonic
    last: float
    gzip: tuple[bytes, zlib._Compress] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def gzipped(self, own: bytes) -> bytes:
        """The whole answer compressed: all but its end was compressed once for everybody."""
        first, rest = self.answer.parts[0], own + own.join(self.answer.parts[1:]) if len(self.answer.parts) > 1 else b""
        with self.lock:
            if self.gzip is None:
                compressor = zlib.compressobj(6, zlib.DEFLATED, GZIP)
                self.gzip = (compressor.compress(first) + compressor.flush(zlib.Z_FULL_FLUSH), compressor)
            begun, compressor = self.gzip[0], self.gzip[1].copy()
        return begun + compressor.compress(rest) + compressor.flush()


class Ration:
    """How much of what few ask for is made: so many a second after a burst, and so many at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.left, self.at = clock, RARE_BURST, clock()
        self.lock, self.turns, self.waiting = threading.Lock(), threading.BoundedSemaphore(RARE_AT_ONCE), 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Make one; raises Busy where that would be too many. Few wait: each that does holds a thread of the server."""
        with self.lock:
            now = self.clock()
            self.left, self.at = min(RARE_BURST, self.left + (now - self.at) * RARE_PER_SECOND), now
            if self.left < 1 or self.waiting >= RARE_WAITING:
                raise Busy(f"rationed: {self.left:.1f} left, {self.waiting} wait")
            self.left -= 1
            self.waiting += 1
        got = self.turns.acquire(timeout=RARE_PATIENCE)
        with self.lock:
            self.waiting -= 1
        if not got:
            raise Busy("rationed: none of the turns came free")
        try:
            yield
        finally:
            self.turns.release()


class KeptAnswers:
    """get() is all there is to it."""

    def __init__(self, shared: Cache, about: str) -> None:
        self.shared, self.about = shared, about  # `about`: the portal's settings; another portal's answers are not ours
        self.ration = Ration()
        self._held: OrderedDict[tuple, _Held] = OrderedDict()
        self._making: set[tuple] = set()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple, seconds: float, make: Callable[[], Answer], *, rare: bool = False, shared: bool = True) -> _Held:
        """The answer for `key`: kept for `seconds`, then made anew by one of those who ask, while the others still get the old one.

        `make` raises Failed for an answer that is to be kept for a few seconds only. `rare`: making is rationed, raises Busy.
        `shared`: with the other workers; an answer that costs no source anything need not outlive the process.
        Whatever else it raises is raised, unless an answer of before is not yet too old.
        """
        now = time.monotonic()
        with self._lock:
            held = self._held.get(key)
            if held is not None:
                self._held.move_to_end(key)
                if held.until > now or (held.last > now and key in self._making):
                    return held
            self._making.add(key)
        try:
            return self._made(key, seconds, make, rare, shared)
        except TurtleError:
            if held is None or held.last <= now:
                raise
            return held
        finally:
            with self._lock:
                self._making.discard(key)

    def _made(self, key: tuple, seconds: float, make: Callable[[], Answer], rare: bool, shared: bool) -> _Held:
        def rationed() -> Answer:
            if not rare:
                return replace(make(), made=time.time())
            with self.ration.take():
                return replace(make(), made=time.time())

        try:
            answer = self.shared.get_or_make(("answer", self.about, *key), seconds, rationed) if shared else rationed()
        except Failed as failed:
            return self._keep(key, failed.answer, FAILED_SECONDS, FAILED_LAST)
        age = max(0.0, time.time() - answer.made)
        return self._keep(key, answer, max(1.0, seconds - age), max(1.0, STALE * seconds - age))

    def _keep(self, key: tuple, answer: Answer, fresh: float, last: float) -> _Held:
        now = time.monotonic()
        held = _Held(answer, now + fresh, now + last)
        with self._lock:
            old = self._held.pop(key, None)
            self._held[key] = held
            self._bytes += answer.size - (old.answer.size if old is not None else 0)
            while self._bytes > MEMORY and len(self._held) > 1:
                _key, gone = self._held.popitem(last=False)
                self._bytes -= gone.answer.size
        return held
