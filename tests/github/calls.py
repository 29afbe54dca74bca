"""Calls that any test can make, and GitHub's usual answers to them."""

from runs_fleet.models import Scope
from tests.github.scripted import JIT, Reply, example

SCOPE = Scope(repo="octocat/hello", installation_id=7)
OTHER = Scope(repo="octocat/hello", installation_id=8)
JOB = "GET /repos/octocat/hello/actions/jobs/1"
MINT = "POST /repos/octocat/hello/actions/runners/generate-jitconfig"
TOKEN = "POST /app/installations/7/access_tokens"
FINE = Reply(200, {**example("job"), "id": 1})
MINTED = Reply(201, {**example("runner-jitconfig"), "encoded_jit_config": JIT})
