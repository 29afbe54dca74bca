"""`python -m simulator.pictures`: takes the pictures of docs/pictures from a burst of the demo."""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

from runs_fleet import names
from simulator import demo
from simulator.burst import RUN
from simulator.github.plans import JobPlan, RunPlan
from simulator.pool_pictured import POOL, pooled
from simulator.screen import Screen
from simulator.watching import Row, Watcher
from simulator.world import Plan, World

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# Where the UI remembers, for each namespace, which columns the list has.
COLUMNS_KEY = "namespace-workflow-table-columns"
COLUMNS = (
    "Status", "JobName", "Repo", "RunnerState", "Conclusion", "MachineType", "Attempt",
    "Workflow ID",
)  # fmt: skip
WIDTH, LIST_HEIGHT, PAGE_HEIGHT, TIMELINE_HEIGHT = 1640, 1040, 1180, 1400
Shots = dict[str, Callable[[Page], bytes]]
STOLEN = "has its runner stolen"
JOBS, LATE_SECONDS = 14, 60


def main() -> int:
    """Run the burst, and a few jobs more that still run while the pictures are taken."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        sys.stderr.write(f"no browser: install one of {', '.join(BROWSERS)}\n")
        return 1
    screen = Screen()
    with World(Plan(ui=True, levers=demo.DEMO)) as world:
        asyncio.run(demo.run(world, screen, jobs=JOBS, seed=1))
        rows = asyncio.run(_late(world))
        stolen = next(row for row in rows if row.name.endswith(STOLEN))
        taken = photograph(browser, of_jobs(world.temporal.ui_url, stolen.job_id))
    with pooled() as world:
        taken += photograph(browser, of_a_pool(world.temporal.ui_url))
    for name in taken:
        screen.say(f"{PICTURES / name}: {(PICTURES / name).stat().st_size // 1024} KiB")
    return 0


async def _late(world: World) -> list[Row]:
    """Send jobs that will still run, and wait for the first of them to do so."""
    label = f"{RUN}/runner=4cpu-linux-arm64/pool=default"
    names = (f"deploy ({stage})" for stage in ("dev", "test", "stage", "live"))
    jobs = tuple(JobPlan(name=name, labels=(label,), seconds=LATE_SECONDS) for name in names)
    plan = RunPlan(repo="acme/shop", workflow="Deploy", jobs=jobs)
    await asyncio.to_thread(world.github.create_run, plan)
    watcher = await Watcher.connect(world.temporal.address)
    async with asyncio.timeout(demo.PATIENCE):
        while True:
            rows = await watcher.rows()
            if any(row.state == "running" for row in rows):
                return rows
            await asyncio.sleep(demo.LOOK)


def of_jobs(ui: str, job_id: int) -> Shots:
    """Name the pictures of the list of jobs, one job's page, and its timeline."""
    job = f"{ui}/namespaces/default/workflows/job-{job_id}"
    return {
        "jobs.png": lambda page: _list(page, ui),
        "job.png": lambda page: _details(page, job),
        "timeline.png": lambda page: _timeline(page, job),
    }


def of_a_pool(ui: str) -> Shots:
    """Name the picture of a pool's page."""
    pool = f"{ui}/namespaces/default/workflows/{names.pool('ec2', POOL)}"
    return {"pool.png": lambda page: _pool(page, pool)}


def photograph(browser: str, shots: Shots) -> tuple[str, ...]:
    """Take pictures; gives the files' names."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=browser, args=list(FLAGS))
        page = chromium.new_page()
        page.add_init_script(_columns())
        for name, shot in shots.items():
            (PICTURES / name).write_bytes(shot(page))
        chromium.close()
    return tuple(shots)


def _columns() -> str:
    wanted = json.dumps({"default": [{"label": label} for label in COLUMNS]})
    return f"localStorage.setItem({COLUMNS_KEY!r}, {wanted!r})"


def _list(page: Page, ui: str) -> bytes:
    page.set_viewport_size({"width": WIDTH, "height": LIST_HEIGHT})
    page.goto(f"{ui}/namespaces/default/workflows")
    page.get_by_text(STOLEN).wait_for()
    page.wait_for_load_state("networkidle")
    return page.screenshot()


def _details(page: Page, job: str) -> bytes:
    page.set_viewport_size({"width": WIDTH, "height": PAGE_HEIGHT})
    page.goto(job)
    page.get_by_text("User Metadata").first.click()
    page.get_by_text("Current Details").first.wait_for()
    page.wait_for_load_state("networkidle")
    return page.screenshot()


def _pool(page: Page, pool: str) -> bytes:
    """Take the page of a workflow that never ends: the UI never stops asking about it."""
    page.set_viewport_size({"width": WIDTH, "height": PAGE_HEIGHT})
    page.goto(pool)
    page.get_by_text("User Metadata").first.click()
    page.get_by_text("Current Details").first.wait_for()
    # They are drawn in a frame of their own.
    page.locator("iframe").last.content_frame.get_by_text(f"{POOL}: open").wait_for()
    return page.screenshot()


def _timeline(page: Page, job: str) -> bytes:
    """Take what is below the input and the result."""
    page.set_viewport_size({"width": WIDTH, "height": TIMELINE_HEIGHT})
    page.goto(job)
    page.get_by_role("heading", name="Timeline").wait_for()
    page.wait_for_load_state("networkidle")
    box = page.get_by_role("heading", name="Timeline").bounding_box()
    top = box["y"] - 20 if box else 0
    clip: FloatRect = {"x": 260, "y": top, "width": WIDTH - 260, "height": TIMELINE_HEIGHT - top}
    return page.screenshot(clip=clip)


if __name__ == "__main__":
    sys.exit(main())
