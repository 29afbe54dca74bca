"""What a `runs-on` label asks for, and how a wrong one is refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet import labels
from runs_fleet.labels import OPTIONS, Refusal, Request
from runs_fleet.models import RunnerSpec, Span

DOCS = Path(__file__).parents[1] / "docs" / "labels.md"


def asked(label: str) -> RunnerSpec:
    found = labels.parse([label])
    assert isinstance(found, Request), found
    return found.spec


def refused(*given_labels: str) -> str:
    found = labels.parse(given_labels)
    assert isinstance(found, Refusal), found
    return found.message


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("runs-fleet", {}),
        ("runs-fleet/", {}),
        ("Runs-Fleet", {}),
        ("runs-fleet=4711", {}),
        ("runs-fleet=4711/cpu=2", {}),
        ("runs-fleet=4711-build.3", {}),
        (" runs-fleet/cpu=2 ", {}),
        ("runs-fleet/cpu=4", {"cpu": Span(least=4, most=8)}),
        ("runs-fleet/CPU=4/", {"cpu": Span(least=4, most=8)}),
        ("runs-fleet/cpu=4+16", {"cpu": Span(least=4, most=16)}),
        ("runs-fleet/cpu=4+4", {"cpu": Span(least=4, most=4)}),
        ("runs-fleet/cpu=4/cpu=4+8", {"cpu": Span(least=4, most=8)}),
        ("runs-fleet/cpu=896", {"cpu": Span(least=896, most=1792)}),
        ("runs-fleet/ram=8", {"ram": Span(least=8)}),
        ("runs-fleet/ram=8+32", {"ram": Span(least=8, most=32)}),
        ("runs-fleet/ram=64", {"ram": Span(least=64), "cpu": Span(least=2, most=16)}),
        ("runs-fleet/arch=arm64", {"arch": "arm64"}),
        ("runs-fleet/arch=aarch64", {"arch": "arm64"}),
        ("runs-fleet/arch=x64", {"arch": "amd64"}),
        ("runs-fleet/arch=X86_64", {"arch": "amd64"}),
        ("runs-fleet/arch=x64/arch=amd64", {"arch": "amd64"}),
        ("runs-fleet/family=c7g+m7g", {"families": ("c7g", "m7g")}),
        ("runs-fleet/family=c7g+C7G", {"families": ("c7g",)}),
        ("runs-fleet/gen=10", {"gen": 10}),
        ("runs-fleet/disk=16384", {"disk": 16384}),
        ("runs-fleet/pool=Default", {"pool": "default"}),
        (f"runs-fleet/pool={'p' * 63}", {"pool": "p" * 63}),
        ("runs-fleet/spot=false", {"spot": False}),
        ("runs-fleet/spot=TRUE/private=true/rerun=false", {"private": True, "rerun": False}),
        ("runs-fleet/docker=true", {"docker": True}),
        ("runs-fleet/backend=k8s", {"backend": "k8s"}),
        (
            "runs-fleet=12/runner=4cpu-linux-arm64/pool=default",
            {
                "cpu": Span(least=4, most=8),
                "ram": Span(least=8),
                "arch": "arm64",
                "pool": "default",
            },
        ),
        (
            "runs-fleet/runner=4CPU-Linux-x64/cpu=4+6/ram=16/arch=amd64",
            {"cpu": Span(least=4, most=6), "ram": Span(least=16), "arch": "amd64"},
        ),
    ],
)
def test_a_label_asks_for_a_machine(label: str, expected: dict[str, Any]) -> None:
    assert asked(label) == RunnerSpec(**expected)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("runs-fleet/cpus=4", ["'cpus=4'", "unknown key", "did you mean 'cpu'"]),
        ("runs-fleet/colour=red", ["'colour=red'", "unknown key", "runner, cpu, ram"]),
        ("runs-fleet/large", ["'large'", "unknown key"]),
        ("runs-fleet/spot", ["'spot'", "missing", "spot=true or false"]),
        ("runs-fleet/cpu=", ["'cpu='", "N or MIN+MAX, 1 to 896"]),
        ("runs-fleet/cpu=four", ["'cpu=four'", "N or MIN+MAX"]),
        ("runs-fleet/cpu=0", ["'cpu=0'", "from 1 to 896"]),
        ("runs-fleet/cpu=-4", ["'-4'", "from 1 to 896"]),
        ("runs-fleet/cpu=+4", ["cpu=+4"]),
        ("runs-fleet/cpu=4+", ["cpu=4+"]),
        ("runs-fleet/cpu= 4", ["' 4'"]),
        ("runs-fleet/cpu=4.5", ["'4.5'"]),
        ("runs-fleet/cpu=897", ["'897'", "896"]),
        ("runs-fleet/cpu=1+2+3", ["'2+3'"]),
        (f"runs-fleet/cpu={'9' * 5000}", ["999...", "1 to 896"]),
        ("runs-fleet/cpu=٤", ["from 1 to 896"]),
        ("runs-fleet/cpu=²", ["from 1 to 896"]),
        ("runs-fleet/cpu=16+4", ["minimum 16 is above the maximum 4"]),
        ("runs-fleet/ram=32769", ["from 1 to 32768"]),
        ("runs-fleet/ram=8gb", ["'8gb'", "N or MIN+MAX"]),
        ("runs-fleet/gen=11", ["1 to 10"]),
        ("runs-fleet/disk=16385", ["1 to 16384"]),
        ("runs-fleet/arch=arm46", ["did you mean 'arm64'"]),
        ("runs-fleet/arch=riscv", ["arm64 or amd64"]),
        ("runs-fleet/family=c7g,m7g", ["'c7g,m7g'", "joined by +"]),
        ("runs-fleet/family=c7g+", ["joined by +"]),
        ("runs-fleet/pool=-a", ["DNS label"]),
        (f"runs-fleet/pool={'p' * 64}", ["at most 63"]),
        ("runs-fleet/spot=yes", ["'yes'", "true or false"]),
        ("runs-fleet/private=flase", ["did you mean 'false'"]),
        ("runs-fleet/backend=gcp", ["ec2 or k8s"]),
        ("runs-fleet/runner=4cpu-windows-x64", ["'windows'", "linux"]),
        ("runs-fleet/runner=4cpu-linux", ["'4cpu-linux'", "4cpu-linux-arm64"]),
        ("runs-fleet/runner=4cpu-linux-mips", ["'mips'"]),
        ("runs-fleet/cpu=2/cpu=4", ["'cpu=4'", "given twice"]),
        ("runs-fleet/pool=a/pool=b", ["'pool=b'", "given twice"]),
        ("runs-fleet/runner=4cpu-linux-arm64/cpu=8", ["'cpu=8+16'", "contradicts 'runner='"]),
        ("runs-fleet/runner=4cpu-linux-arm64/ram=4", ["'ram=4'", "8 or more"]),
        ("runs-fleet/runner=4cpu-linux-arm64/arch=amd64", ["'arch=amd64'", "arm64"]),
        ("runs-fleet//cpu=4", ["an empty part"]),
        ("runs-fleet/cpu=4//", ["an empty part"]),
        ("runs-fleet=/cpu=4", ["run id is empty"]),
        ("runs-fleet=${{ github.run_id }}/cpu=4", ["run id is empty or malformed"]),
    ],
)
def test_a_refusal_names_the_label_the_part_and_what_would_do(label: str, said: list[str]) -> None:
    message = refused(label)
    assert message.startswith(f"label '{label[:100].encode('ascii', 'backslashreplace').decode()}")
    assert [words for words in said if words not in message] == []


@pytest.mark.parametrize(
    "others", [[], ["ubuntu-latest"], ["self-hosted", "linux"], ["runs-fleet-x"], ["", "/", "="]]
)
def test_other_labels_are_somebody_elses(others: list[str]) -> None:
    assert labels.parse(others) is None


def test_our_label_is_found_among_others_and_kept_as_given() -> None:
    found = labels.parse(["self-hosted", "runs-fleet-x", "Runs-Fleet/cpu=2"])
    assert found == Request("Runs-Fleet/cpu=2", RunnerSpec())


def test_the_same_label_twice_is_one_label() -> None:
    assert isinstance(labels.parse(["runs-fleet/cpu=2", "Runs-Fleet/CPU=2"]), Request)


def test_two_labels_of_ours_are_refused() -> None:
    assert "'runs-fleet/cpu=4' is ours as well" in refused("runs-fleet", "runs-fleet/cpu=4")


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("runs-fleet", Request),
        ("runs-fleet/backend=ec2", Request),
        ("runs-fleet/backend=k8s", Refusal),
        ("runs-fleet/cpu=x", Refusal),
    ],
)
def test_only_backends_that_are_served_are_allowed(label: str, kind: type) -> None:
    found = labels.parse([label])
    assert found is not None
    assert isinstance(labels.allow(found, frozenset({"ec2"})), kind)


def test_a_backend_that_is_not_served_is_named() -> None:
    found = labels.parse(["runs-fleet/backend=k8s"])
    assert found is not None
    answer = labels.allow(found, ["ec2"])
    assert isinstance(answer, Refusal)
    assert "'backend=k8s': this fleet serves ec2 only" in answer.message


NASTY = st.one_of(
    st.text(),
    st.builds(
        "/".join,
        st.lists(
            st.one_of(
                st.just("runs-fleet"),
                st.text(),
                st.builds("{}={}".format, st.sampled_from([*OPTIONS, "runs-fleet"]), st.text()),
            )
        ),
    ),
)


@given(st.lists(NASTY))
def test_no_list_of_labels_makes_parsing_fail(given_labels: list[str]) -> None:
    found = labels.parse(given_labels)
    assert found is None or found.label in given_labels


@given(st.builds("runs-fleet/{}={}".format, st.sampled_from(list(OPTIONS)), st.text()))
def test_a_refusal_is_one_printable_line(label: str) -> None:
    message = getattr(labels.parse([label]), "message", "")
    assert message.isascii()
    assert message.isprintable()


def spans(most: int) -> st.SearchStrategy[Span]:
    numbers = st.integers(1, most)
    return st.tuples(numbers, numbers).map(lambda pair: Span(least=min(pair), most=max(pair)))


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
SPECS = st.builds(
    RunnerSpec,
    cpu=spans(896),
    ram=st.one_of(spans(32768), st.integers(1, 32768).map(lambda least: Span(least=least))),
    arch=st.sampled_from([None, "arm64", "amd64"]),
    families=st.lists(NAMES, unique=True).map(tuple),
    gen=st.none() | st.integers(1, 10),
    disk=st.none() | st.integers(1, 16384),
    pool=st.none() | NAMES,
    spot=st.booleans(),
    private=st.booleans(),
    backend=st.sampled_from([None, "ec2", "k8s"]),
    rerun=st.booleans(),
    docker=st.booleans(),
)


@given(SPECS)
def test_a_rendered_spec_parses_back(spec: RunnerSpec) -> None:
    assert asked(labels.render(spec)) == spec


@pytest.mark.parametrize("key", OPTIONS)
def test_every_key_has_a_heading_in_the_docs(key: str) -> None:
    assert f"### `{key}`" in DOCS.read_text()
