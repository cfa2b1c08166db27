"""The parsers of the probes: single rules, and that no text makes them raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.probe.cgroup import (
    CgroupEntry,
    CgroupMount,
    group_folders,
    parse_cfs_quota,
    parse_cpu_max,
    parse_inactive_file,
    parse_memory_limit,
    parse_mountinfo,
    parse_self_cgroup,
)
from advisor.probe.cpu import parse_arch, parse_cpuinfo, parse_py_cpuinfo, parse_sysctl
from advisor.probe.isa import arm_isa, isa_of, x86_isa
from advisor.probe.memory import parse_meminfo
from advisor.probe.runtimes import parse_reply
from advisor.types import ARM_ISA, X86_ISA

# Texts made of what the parsers look for as well as of anything at all.
X86_KEYS = ["processor", "physical id", "core id", "vendor_id", "model name", "flags"]
ARM_KEYS = ["Features", "CPU implementer", "CPU part", "Model"]
OTHER_KEYS = ["machdep.cpu.brand_string", "hw.physicalcpu", "hw.optional.arm.FEAT_BF16", "MemTotal", "inactive_file"]
KEYS = st.sampled_from([*X86_KEYS, *ARM_KEYS, *OTHER_KEYS])
VALUES = st.one_of(st.text(), st.integers().map(str), st.integers().map(hex), st.just("avx2 asimd 0x41 GenuineIntel"))
LINES = st.one_of(st.text(), st.builds(lambda key, gap, value: f"{key}{gap}: {value}", KEYS, st.text(), VALUES))
TEXTS = st.one_of(st.text(), st.lists(LINES).map("\n".join))


@given(TEXTS, st.text())
def test_any_cpuinfo_gives_known_vendors_instruction_sets_and_positive_cores(text: str, board_vendor: str) -> None:
    for identity in (parse_cpuinfo(text, board_vendor=board_vendor), parse_sysctl(text)):
        assert identity.vendor in {"intel", "amd", "arm", "apple", "unknown"}
        assert set(identity.isa) <= {*X86_ISA, *ARM_ISA}
        assert identity.physical_cores is None or identity.physical_cores > 0
        assert identity.model is None or identity.model.strip() == identity.model != ""


@given(st.dictionaries(st.sampled_from(("vendor_id_raw", "brand_raw", "flags")), st.one_of(st.none(), st.text())))
def test_any_dictionary_from_py_cpuinfo_is_accepted(info: dict[str, object]) -> None:
    assert parse_py_cpuinfo(info, arch="x86_64").isa == ()


@given(TEXTS)
def test_any_text_is_a_memory_limit_or_none_and_never_negative(text: str) -> None:
    info = parse_meminfo(text)
    limit = parse_memory_limit(text)
    for value in (info.total_bytes, info.available_bytes, limit, parse_inactive_file(text, version=2)):
        assert value is None or value >= 0


@given(st.one_of(st.text(), st.tuples(st.integers(), st.integers()).map(lambda pair: f"{pair[0]} {pair[1]}")))
def test_any_text_is_a_positive_cpu_quota_or_none(text: str) -> None:
    cores = parse_cpu_max(text)
    assert cores is None or cores > 0


@given(TEXTS)
def test_any_text_is_a_list_of_control_groups_mounts_or_names(text: str) -> None:
    assert all(entry.path.startswith("/") for entry in parse_self_cgroup(text))
    assert all(mount.version in (1, 2) for mount in parse_mountinfo(text))
    reply = parse_reply(text)
    assert reply is None or all(isinstance(name, str) for name in reply)


@given(st.text(), st.text(), st.text())
def test_group_folders_always_end_at_the_mount_point_and_never_leave_it(root: str, mount_point: str, path: str) -> None:
    mount = CgroupMount(version=2, root="/" + root, mount_point="/cgroup/" + mount_point, controllers=())
    folders = group_folders(mount, "/" + path)
    assert all(folder.startswith(folders[-1]) for folder in folders)
    assert [len(folder) for folder in folders] == sorted((len(folder) for folder in folders), reverse=True)


@given(st.permutations([*X86_ISA, "avx512vl", "sse4_2"]))
def test_instruction_sets_come_in_one_order_whatever_the_order_of_the_flags(flags: list[str]) -> None:
    assert x86_isa(flags) == X86_ISA
    assert arm_isa(flags) == ()


def test_instruction_sets_have_one_name_on_every_system() -> None:
    assert x86_isa(["AVX2", "AVX512F", "avx512vnni", "avx_vnni_int8", "avx512_4vnniw"]) == X86_ISA[:3]
    assert arm_isa(["asimddp", "svei8mm", "svebf16"]) == ("dotprod",)
    assert isa_of(["avx2", "asimd"], arch="riscv64") == ()


@pytest.mark.parametrize(
    ("machine", "arch"),
    [("AMD64", "x86_64"), ("x86_64", "x86_64"), ("aarch64", "arm64"), ("ARM64", "arm64"), ("riscv64", "riscv64")],
)
def test_architectures_have_one_name_on_every_system(machine: str, arch: str) -> None:
    assert parse_arch(machine) == arch


def test_two_sockets_with_the_same_core_ids_are_twice_the_cores() -> None:
    blocks = [f"processor\t: {n}\nphysical id\t: {n % 2}\ncore id\t\t: {n // 4}\n" for n in range(8)]
    assert parse_cpuinfo("\n".join(blocks)).physical_cores == 4


def test_a_big_little_processor_names_both_of_its_cores() -> None:
    parts = ("0xd03", "0xd03", "0xd08")
    text = "\n\n".join(f"processor: {n}\nCPU implementer: 0x41\nCPU part: {part}" for n, part in enumerate(parts))
    assert parse_cpuinfo(text).model == "Cortex-A53 + Cortex-A72"


def test_an_unknown_arm_core_is_named_by_its_numbers() -> None:
    assert parse_cpuinfo("CPU implementer: 0xc0\nCPU part: 0xfff").model == "Ampere part 0xfff"
    assert parse_cpuinfo("CPU implementer: 0x99\nCPU part: 0x001").model == "ARM implementer 0x99 part 0x001"


def test_neoverse_v1_is_graviton3_on_an_amazon_board_only() -> None:
    text = "CPU implementer: 0x41\nCPU part: 0xd40"
    assert parse_cpuinfo(text, board_vendor="Amazon EC2").model == "AWS Graviton3 (Neoverse-V1)"
    assert parse_cpuinfo(text).model == "Neoverse-V1"


def test_linux_on_an_apple_processor_is_apple() -> None:
    assert parse_cpuinfo("CPU implementer: 0x61\nCPU part: 0x023").vendor == "apple"


def test_a_sandbox_that_hides_the_model_gives_none() -> None:
    assert parse_cpuinfo("vendor_id: AuthenticAMD\nmodel name: unknown").model is None


def test_other_x86_vendors_are_unknown_rather_than_guessed() -> None:
    identity = parse_cpuinfo("vendor_id: HygonGenuine\nmodel name: Hygon C86 7285 32-core Processor\nflags: avx2")
    assert (identity.vendor, identity.isa) == ("unknown", ("avx2",))


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000", None),
        ("150000 100000\n", 1.5),
        ("50000 50000", 1.0),
        ("1000 100000", 0.01),
        ("0 100000", None),
        ("100000 0", None),
        ("100000", None),
        ("", None),
        (f"{10**400} 1", None),
        (f"1 {10**400}", None),
    ],
)
def test_cpu_max_is_quota_over_period(text: str, cores: float | None) -> None:
    assert parse_cpu_max(text) == cores


def test_the_first_versions_quota_is_minus_one_without_a_limit() -> None:
    assert parse_cfs_quota("-1\n", "100000\n") is None
    assert parse_cfs_quota("150000\n", "100000\n") == 1.5


@pytest.mark.parametrize(
    ("text", "limit"), [("max\n", None), ("9223372036854771712\n", None), ("2147483648\n", 2**31), ("-1", None)]
)
def test_memory_limits_are_bytes_or_none(text: str, limit: int | None) -> None:
    assert parse_memory_limit(text) == limit


def test_group_folders_lead_from_the_own_group_to_the_mount_point() -> None:
    host = CgroupMount(version=2, root="/", mount_point="/sys/fs/cgroup", controllers=())
    assert group_folders(host, "/a/b") == ("/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup")
    assert group_folders(host, "/") == ("/sys/fs/cgroup",)
    assert group_folders(host, "/../outside") == ("/sys/fs/cgroup",)
    container = CgroupMount(version=1, root="/docker/1", mount_point="/sys/fs/cgroup/cpu", controllers=("cpu",))
    assert group_folders(container, "/docker/1/job") == ("/sys/fs/cgroup/cpu/job", "/sys/fs/cgroup/cpu")
    assert group_folders(container, "/docker/2") == ("/sys/fs/cgroup/cpu",)


def test_mountinfo_undoes_the_kernels_escapes_and_keeps_cgroups_only() -> None:
    text = (
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n"
        "2 1 0:30 / /sys/fs/my\\040cgroup rw shared:1 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
        "3 1 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
    )
    first = CgroupMount(version=1, root="/", mount_point="/sys/fs/my cgroup", controllers=("rw", "cpu", "cpuacct"))
    second = CgroupMount(version=2, root="/", mount_point="/sys/fs/cgroup", controllers=())
    assert parse_mountinfo(text) == (first, second)


def test_a_groups_path_may_hold_colons() -> None:
    assert parse_self_cgroup("0::/pod:1/job\nnonsense\n") == (
        CgroupEntry(hierarchy=0, controllers=(), path="/pod:1/job"),
    )


def test_a_reply_is_the_last_line_whatever_the_library_printed_before_it() -> None:
    assert parse_reply('Intel MKL WARNING\n["CPU", "GPU"]\n') == ("CPU", "GPU")
    assert parse_reply('{"a": 1}') is None
    assert parse_reply("[" * 100_000) is None
