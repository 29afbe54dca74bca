"""How jobs went, in ConfigMaps: one for each day, and another one when it is full."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runs_fleet.errors import FleetError, NotThere, Refused, Unavailable
from runs_fleet.outcomes import JobOutcome
from runs_fleet.providers.k8s import marks
from runs_fleet.providers.k8s.cluster import CONFIG_MAPS, Cluster
from runs_fleet.providers.k8s.errors import Conflict, Taken
from runs_fleet.providers.k8s.rest import Json
from runs_fleet.providers.k8s.template import LABELS

# Not managed-by, which is on what is there for a runner and gone with it.
PART_OF = "app.kubernetes.io/part-of"
DAY = f"{LABELS}archive-day"
JOBS = f"{LABELS}archive-jobs"
# A ConfigMap holds 1 MiB at the most, and is written as a whole.
# https://kubernetes.io/docs/concepts/configuration/configmap/#motivation
MOST_BYTES, MOST_ENTRIES = 900_000, 500
KEPT = timedelta(days=30)
TRIES = 10
NUMBER = re.compile(r"-(?P<number>[0-9]+)$")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Entry:
    """One outcome on its way."""

    day: str
    job_id: int
    text: str
    kept: bool = False
    error: FleetError | None = None

    @property
    def key(self) -> str:
        return str(self.job_id)

    @property
    def size(self) -> int:
        return _size(self.key, self.text)


class K8sArchive:
    """The Archive port. What comes while a write is out goes together with the next one."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        fleet: str,
        kept: timedelta = KEPT,
        most: int = MOST_ENTRIES,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._cluster, self._fleet, self._kept = cluster, fleet, kept
        self._most, self._now = most, now
        self._waiting = list[_Entry]()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._last: Json | None = None

    def put(self, outcome: JobOutcome) -> None:
        """Keep an outcome; one that is kept already stays as it is."""
        entry = _Entry(
            _day(_ended_at(outcome)), outcome.job_id, outcome.model_dump_json(exclude_defaults=True)
        )
        if entry.size > MOST_BYTES:
            raise Refused(f"the outcome of job {outcome.job_id} is {entry.size} bytes long")
        with self._lock:
            self._waiting.append(entry)
        with self._writing:
            self._write()
        if not entry.kept:
            raise entry.error or Unavailable("the archive was not written")

    def get(self, job_id: int) -> JobOutcome | None:
        """Look an outcome up, in the parts whose jobs are about as old."""
        for head in sorted(self._heads(), key=_order):
            if not _may_hold(head, job_id):
                continue
            text = self._read(head["metadata"]["name"]).get("data", {}).get(str(job_id))
            if text is not None:
                return JobOutcome.model_validate_json(text)
        return None

    def _write(self) -> None:
        """Write all that waits, day by day; each entry learns what became of it."""
        with self._lock:
            batch, self._waiting = self._waiting, []
        for day in sorted({entry.day for entry in batch}):
            entries = [entry for entry in batch if entry.day == day]
            try:
                self._write_day(day, entries)
            except FleetError as error:
                for entry in entries:
                    entry.error = error

    def _write_day(self, day: str, entries: Sequence[_Entry]) -> None:
        """Add entries to the day's last part, and to further ones when it is full."""
        for _ in range(TRIES + len(entries)):
            part = self._part(day)
            fitting = self._fitting(part, entries)
            if not fitting:
                self._last = self._opened(day, _number(part) + 1)
                continue
            try:
                self._last = self._cluster.replace(_with(part, fitting))
            except (Conflict, NotThere):
                # Another worker was quicker: look again, as one of us always is.
                self._last = None
                continue
            for entry in fitting:
                entry.kept = True
            if not (entries := [entry for entry in entries if not entry.kept]):
                return
        raise Unavailable(f"archive of {day}: others were quicker {TRIES} times")

    def _fitting(self, part: Json, entries: Sequence[_Entry]) -> list[_Entry]:
        """Take as many as there is room for; what is there already always fits."""
        data = part.get("data") or {}
        room = MOST_BYTES - sum(_size(key, text) for key, text in data.items())
        free, fitting = self._most - len(data), list[_Entry]()
        for entry in entries:
            if entry.key not in data:
                room, free = room - entry.size, free - 1
            if room >= 0 and free >= 0:
                fitting.append(entry)
        return fitting

    def _part(self, day: str) -> Json:
        """Return the day's last part as it was last seen, or make the first."""
        if self._last is not None and _label(self._last) == day:
            return self._last
        of_day = [head for head in self._heads() if _label(head) == day]
        if not of_day:
            return self._opened(day, 0)
        return self._read(max(of_day, key=_order)["metadata"]["name"])

    def _opened(self, day: str, number: int) -> Json:
        """Make a part, unless another worker has; and let go of what is too old."""
        part = self._empty(day, number)
        try:
            made = self._cluster.create(part)
        except Taken:
            return self._read(part["metadata"]["name"])
        oldest = _day(self._now() - self._kept)
        for head in self._heads():
            if _label(head) < oldest:
                self._cluster.delete(CONFIG_MAPS, head["metadata"]["name"])
        return made

    def _empty(self, day: str, number: int) -> Json:
        labels = {PART_OF: marks.MANAGER, marks.FLEET: self._fleet, DAY: day}
        name = f"{marks.MANAGER}-archive-{self._fleet}-{day}-{number}"
        metadata = {"name": name, "labels": labels}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}

    def _heads(self) -> list[Json]:
        return self._cluster.heads(CONFIG_MAPS, f"{marks.FLEET}={self._fleet},{DAY}")

    def _read(self, name: str) -> Json:
        # Lists give things without their kind, and so do reads of older servers.
        return {**self._cluster.read(CONFIG_MAPS, name), "kind": "ConfigMap"}


def _with(part: Json, entries: Sequence[_Entry]) -> Json:
    """Add entries; the version that was read makes it fail if the part has changed since."""
    data = {entry.key: entry.text for entry in entries} | (part.get("data") or {})
    jobs = [int(key) for key in data]
    annotations = {**part["metadata"].get("annotations", {}), JOBS: f"{min(jobs)}-{max(jobs)}"}
    metadata = {**part["metadata"], "annotations": annotations}
    return {**part, "kind": "ConfigMap", "metadata": metadata, "data": data}


def _may_hold(head: Json, job_id: int) -> bool:
    """Whether the job lies between the first and the last of a part: ids grow with time."""
    least, _, most = head["metadata"].get("annotations", {}).get(JOBS, "").partition("-")
    return bool(most) and int(least) <= job_id <= int(most)


def _ended_at(outcome: JobOutcome) -> datetime:
    """Choose the day by the job, so that a second try finds what the first has kept."""
    timings = outcome.timings
    return timings.completed or timings.delivered


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d")


def _size(key: str, text: str) -> int:
    return len(key) + len(text.encode())


def _label(part: Json) -> str:
    return str(part["metadata"]["labels"][DAY])


def _number(part: Json) -> int:
    found = NUMBER.search(part["metadata"]["name"])
    return int(found["number"]) if found else 0


def _order(head: Json) -> tuple[str, int]:
    return _label(head), _number(head)
