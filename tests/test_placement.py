"""Which types a label gets, and in which order the ways to buy them come."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet.errors import Refused
from runs_fleet.models import Arch, Market, Rung, RunnerSpec, Span
from runs_fleet.placement import MOST_NARROW, Family, InstanceType, Terms, choose, family, ladder

GIB = 1024
ZONES = frozenset({"a", "b"})
SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}
GIB_PER_CPU = {"c": 2, "m": 4, "r": 8, "t": 4, "g": 4, "x": 16, "i": 8}
FAMILIES: dict[str, Arch] = {
    "c5": "amd64", "m5": "amd64", "m5a": "amd64", "m5d": "amd64", "c6i": "amd64", "c7a": "amd64",
    "m7i": "amd64", "m7i-flex": "amd64", "r8i": "amd64", "c6g": "arm64", "c7g": "arm64",
    "c7gn": "arm64", "m7g": "arm64", "r8g": "arm64", "r8gd": "arm64", "c9g": "arm64",
    "t3": "amd64", "t4g": "arm64", "g5g": "arm64", "x2gd": "arm64", "i4i": "amd64",
}  # fmt: skip


def offered(name: str, size: str) -> InstanceType:
    series = family(name).series
    return InstanceType(
        name=f"{name}.{size}",
        vcpus=SIZES[size],
        memory_mib=SIZES[size] * GIB_PER_CPU[series] * GIB,
        arch=FAMILIES[name],
        zones=ZONES,
        burstable=series == "t",
        accelerated=series == "g",
        current=name != "c5",
    )


CATALOG = tuple(offered(name, size) for name in FAMILIES for size in SIZES)


def chosen(spec: RunnerSpec, *, arch: Arch = "arm64", wide: bool = False) -> list[str]:
    found = choose(spec, CATALOG, site=Terms({spec.arch or arch}, ZONES), wide=wide)
    return [each.name for each in found]


def families_of(spec: RunnerSpec, *, arch: Arch, wide: bool = False) -> set[str]:
    return {name.partition(".")[0] for name in chosen(spec, arch=arch, wide=wide)}


@pytest.mark.parametrize(
    ("name", "taken_apart"),
    [
        ("c7g.xlarge", Family("c7g", "c", 7, "g")),
        ("m5.large", Family("m5", "m", 5, "")),
        ("c7i-flex.large", Family("c7i-flex", "c", 7, "i-flex")),
        ("is4gen.medium", Family("is4gen", "is", 4, "gen")),
        ("hpc7g.4xlarge", Family("hpc7g", "hpc", 7, "g")),
        ("r10g.large", Family("r10g", "r", 10, "g")),
        ("u-6tb1.56xlarge", Family("u-6tb1", "u-6tb1", 0, "")),
        ("c7g", Family("c7g", "c", 7, "g")),
    ],
)
def test_a_type_name_is_taken_apart(name: str, taken_apart: Family) -> None:
    assert family(name) == taken_apart


SPOT, ON_DEMAND = Market.SPOT, Market.ON_DEMAND


@pytest.mark.parametrize(
    ("spec", "spot", "rungs"),
    [
        (RunnerSpec(), True, [(SPOT, False), (SPOT, True), (ON_DEMAND, False), (ON_DEMAND, True)]),
        (RunnerSpec(), False, [(ON_DEMAND, False), (ON_DEMAND, True)]),
        (RunnerSpec(spot=False), True, [(ON_DEMAND, False), (ON_DEMAND, True)]),
        (RunnerSpec(families=("c7g",)), True, [(SPOT, False), (ON_DEMAND, False)]),
        (RunnerSpec(families=("c7g",), spot=False), True, [(ON_DEMAND, False)]),
    ],
)
def test_the_ladder_goes_from_cheap_to_certain(
    spec: RunnerSpec, spot: bool, rungs: list[tuple[Market, bool]]
) -> None:
    assert ladder(spec, spot=spot) == tuple(Rung(market=m, wide=w) for m, w in rungs)


@pytest.mark.parametrize(
    ("arch", "wide", "families"),
    [
        ("arm64", False, {"c6g", "c7g", "m7g", "r8g"}),
        ("arm64", True, {"c6g", "c7g", "m7g", "r8g", "c7gn", "r8gd", "c9g"}),
        ("amd64", False, {"m5", "m5a", "c6i", "c7a", "m7i", "r8i"}),
        ("amd64", True, {"m5", "m5a", "c6i", "c7a", "m7i", "r8i", "m5d", "m7i-flex"}),
    ],
)
def test_a_label_without_families_gets_the_default_ones(
    arch: Arch, wide: bool, families: set[str]
) -> None:
    assert families_of(RunnerSpec(), arch=arch, wide=wide) == families


@pytest.mark.parametrize(
    ("asked", "arch", "families"),
    [
        (("c7g",), "arm64", {"c7g"}),
        (("c7",), "arm64", {"c7g", "c7gn"}),
        (("c",), "arm64", {"c6g", "c7g", "c7gn", "c9g"}),
        (("m5",), "amd64", {"m5"}),
        (("c7g", "m"), "arm64", {"c7g", "m7g"}),
        (("t3",), "amd64", {"t3"}),
        (("g5g",), "arm64", {"g5g"}),
        (("c5",), "amd64", {"c5"}),
    ],
)
def test_named_families_are_what_is_meant(
    asked: tuple[str, ...], arch: Arch, families: set[str]
) -> None:
    assert families_of(RunnerSpec(families=asked), arch=arch) == families


@pytest.mark.parametrize(
    ("gen", "arch", "families"),
    [
        (7, "arm64", {"c7g", "m7g"}),
        (9, "arm64", {"c9g"}),
        (5, "amd64", {"c5", "m5", "m5a"}),
    ],
)
def test_gen_is_the_number_in_the_family_name(gen: int, arch: Arch, families: set[str]) -> None:
    assert families_of(RunnerSpec(gen=gen), arch=arch) == families


def test_the_smallest_comes_first_and_of_equals_the_newest() -> None:
    assert chosen(RunnerSpec())[:4] == ["c7g.large", "c6g.large", "m7g.large", "r8g.large"]


def test_memory_is_a_limit_in_gib() -> None:
    spec = RunnerSpec(cpu=Span(least=4, most=4), ram=Span(least=16, most=16))
    assert chosen(spec) == ["m7g.xlarge"]


def test_types_offered_in_none_of_our_zones_are_left_out() -> None:
    elsewhere = InstanceType("c8g.large", 2, 4 * GIB, "arm64", zones=frozenset({"z"}))
    found = choose(RunnerSpec(), (*CATALOG, elsewhere), site=Terms({"arm64"}, {"a"}), wide=False)
    assert elsewhere not in found


def test_both_architectures_may_serve_a_job_that_names_none() -> None:
    found = choose(RunnerSpec(), CATALOG, site=Terms({"arm64", "amd64"}, ZONES), wide=False)
    assert {each.arch for each in found} == {"arm64", "amd64"}


def test_a_narrow_rung_without_types_falls_back_to_the_wide_ones() -> None:
    only_disks = tuple(each for each in CATALOG if each.family.name == "r8gd")
    found = choose(RunnerSpec(), only_disks, site=Terms({"arm64"}, ZONES), wide=False)
    assert [each.name for each in found] == ["r8gd.large", "r8gd.xlarge"]


def test_a_narrow_rung_stays_short() -> None:
    many = tuple(
        InstanceType(f"c8g.{n}", 2, 4 * GIB, "arm64", zones=ZONES) for n in range(MOST_NARROW + 9)
    )
    assert len(choose(RunnerSpec(), many, site=Terms({"arm64"}, ZONES), wide=False)) == MOST_NARROW


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (RunnerSpec(families=("c7g",), arch="amd64"), ["`family c7g` leaves none", "arch amd64"]),
        (RunnerSpec(families=("c7gx",)), ["`family c7gx`"]),
        (RunnerSpec(gen=3), ["`gen 3`", "a default family"]),
        (RunnerSpec(cpu=Span(least=3, most=3)), ["`cpu 3 to 3`", "c7g.large"]),
        (RunnerSpec(ram=Span(least=999)), ["`ram 999 or more GiB`", "cpu 2 to 4"]),
    ],
)
def test_the_limit_that_leaves_nothing_is_named(spec: RunnerSpec, said: list[str]) -> None:
    with pytest.raises(Refused) as refusal:
        chosen(spec)
    assert [text for text in said if text not in str(refusal.value)] == []


def test_zones_that_offer_nothing_are_named() -> None:
    with pytest.raises(Refused, match="`offered in z` leaves none"):
        choose(RunnerSpec(), CATALOG, site=Terms({"arm64"}, {"z"}), wide=False)


def test_an_empty_catalog_says_so() -> None:
    with pytest.raises(Refused, match="the catalog is empty"):
        choose(RunnerSpec(), (), site=Terms({"arm64"}, ZONES), wide=False)


spans = st.tuples(st.sampled_from([1, 2, 4, 8]), st.sampled_from([0, 2, 60])).map(
    lambda pair: Span(least=pair[0], most=pair[0] + pair[1])
)
specs = st.builds(
    RunnerSpec,
    cpu=spans,
    ram=spans,
    families=st.sampled_from([(), ("c",), ("m7g", "t")]),
    gen=st.sampled_from([None, 6, 7]),
)


def fits(each: InstanceType, spec: RunnerSpec) -> bool:
    gib = each.memory_mib / GIB
    return (
        spec.cpu.least <= each.vcpus <= (spec.cpu.most or each.vcpus)
        and spec.ram.least <= gib <= (spec.ram.most or gib)
        and spec.gen in (None, each.family.generation)
        and each.arch == "arm64"
    )


@given(specs, st.booleans())
def test_whatever_is_chosen_fits_the_label(spec: RunnerSpec, wide: bool) -> None:
    with suppress(Refused):
        found = choose(spec, CATALOG, site=Terms({"arm64"}, ZONES), wide=wide)
        assert found
        assert all(fits(each, spec) for each in found)
        assert [each.vcpus for each in found] == sorted(each.vcpus for each in found)


def test_an_operators_families_stand_in_for_ours() -> None:
    site = Terms({"arm64"}, ZONES, families=("r8gd",))
    found = choose(RunnerSpec(), CATALOG, site=site, wide=False)
    assert {each.family.name for each in found} == {"r8gd"}
