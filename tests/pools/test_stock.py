"""What a pool's machines are made of: one name for one spec."""

import pytest

from runs_fleet.models import RunnerSpec, Span
from runs_fleet.pools.stock import of_spec

SPEC = RunnerSpec(cpu=Span(least=4, most=8), families=("c7g",))


def test_a_spec_that_was_carried_over_has_the_same_name() -> None:
    carried = RunnerSpec.model_validate_json(SPEC.model_dump_json())
    assert of_spec(SPEC) == of_spec(carried) == of_spec(SPEC)


@pytest.mark.parametrize("field", ["pool", "backend", "rerun", "spot"])
def test_what_no_machine_is_made_of_is_not_in_its_name(field: str) -> None:
    other = {"pool": "default", "backend": "ec2", "rerun": False, "spot": False}
    assert of_spec(SPEC.model_copy(update={field: other[field]})) == of_spec(SPEC)


def test_other_machines_have_another_name() -> None:
    assert of_spec(SPEC.model_copy(update={"disk": 100})) != of_spec(SPEC)
