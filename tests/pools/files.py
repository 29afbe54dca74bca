"""Files of pools, as tests need them."""

from textwrap import dedent, indent

import pytest

from runs_fleet.pools import file

GOOD = """\
x-big: &big
  max: 20
  idle_timeout: 20m
pools:
  - name: default
    mode: ec2
    spec: {runner: 4cpu-linux-arm64, disk: 60}
    <<: *big
    targets: {hot: 2, stopped: 4, listening: 1}
    schedule:
      time_zone: Europe/Berlin
      windows:
        - {days: mon-fri, start: 12:00, end: 13:00, targets: {hot: 1}}
        - {days: mon-fri, start: 08:00, end: 18:00, targets: {hot: 6}}
      overrides:
        - {first: 2026-12-24, last: 2026-12-26, targets: {}}
    demand: {cap: 10, percentile: p95, window: 2h, linger: 30m, tier: stopped}
    repositories: [octo/*]
    weights: {octo/hello: 3}
    repository_limit: 5
    listening: {repository: octo/hello, organization: octo, label: runs-fleet/pool=default}
  - name: pods
    mode: k8s
    spec: {family: [c7g, m7g], cpu: 4+8}
    max: 8
    cache: {size: 20, volumes: 3}
ephemeral:
  repositories: [octo/*]
  names: [team-*]
  template: {max: 10, demand: {cap: 8}, idle_life: 2h}
"""


def one(section: str, *, mode: str = "ec2", top: int = 10) -> str:
    """A file of one pool, that a section is added to; the section begins in line 6."""
    head = f"pools:\n- name: default\n  mode: {mode}\n  spec: {{cpu: 4}}\n  max: {top}\n"
    return head + indent(dedent(section), "  ")


def wrong(text: str) -> list[str]:
    """All that is wrong in a file, each with its place."""
    with pytest.raises(file.BadPools) as caught:
        file.read(text)
    return str(caught.value).splitlines()
