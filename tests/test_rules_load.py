"""Rulesets are found, read and checked; every mistake is one sentence with file, place and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor import catalogue, defaults
from advisor.errors import InputError
from advisor.rules import Condition, available_rulesets, load_ruleset, rulesets_dir
from advisor.rules.ruleset import COMPARISONS

DATA = Path(__file__).parent / "data" / "rules"
OWN = (DATA / "own.toml").read_text("utf-8")


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_ruleset(str(path))
    message = str(caught.value).replace(str(path), path.name)
    assert caught.value.exit_code == 2
    assert "\n" not in message
    return message


def test_the_packaged_rulesets_load_and_the_default_comes_first() -> None:
    assert available_rulesets() == ("sbert-2024", "sbert-2026")
    assert available_rulesets()[0] == defaults.RULESET
    for name in available_rulesets():
        ruleset = load_ruleset(name)
        assert ruleset.name == name
        assert ruleset.source == catalogue.ST_DOCS


def test_the_packaged_rulesets_name_a_page_as_the_source_of_every_challenger() -> None:
    for name in available_rulesets():
        for rule in load_ruleset(name).challengers:
            assert rule.source.startswith("https://")


def test_no_packaged_ruleset_speaks_of_a_measured_speed() -> None:
    """Rules never print a speed: no `2.6x`, no texts/s."""
    for path in rulesets_dir().glob("*.toml"):
        text = path.read_text("utf-8")
        assert "texts/s" not in text
        assert not any(word[:-1].replace(".", "").isdigit() for word in text.split() if word.endswith("x"))


def test_a_ruleset_of_ones_own_is_read_as_written() -> None:
    ruleset = load_ruleset(str(DATA / "own.toml"))
    assert (ruleset.name, ruleset.title, ruleset.version, ruleset.start) == ("own", "Our fleet", "3", "vnni")
    assert [node.id for node in ruleset.nodes] == ["vnni", "vendor", "strict"]
    vendor, strict = ruleset.nodes[1:]
    assert vendor.condition == Condition(fact="cpu.vendor", comparison="in", value=("intel", "amd"))
    assert (vendor.unknown, vendor.yes_answer) == ("yes", "yes")
    assert (strict.unknown, strict.yes_answer, strict.no_answer) == ("no", "0.2% acceptable", "strict")
    assert ruleset.leaves[0].note == "the variant that fits"
    assert ruleset.challengers[1].when == (Condition(fact="memory.available_bytes", comparison="known", value=None),)


def test_a_file_needs_no_toml_suffix_if_it_exists_and_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "fleet"
    path.write_text(OWN, encoding="utf-8-sig")
    assert load_ruleset(str(path)).name == "fleet"


def test_a_file_beside_the_user_does_not_hide_a_packaged_ruleset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sbert-2024").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    assert load_ruleset("sbert-2024").start == "device"


def test_an_edited_copy_of_a_packaged_ruleset_needs_a_name_of_its_own(tmp_path: Path) -> None:
    packaged = (rulesets_dir() / "sbert-2024.toml").read_text(encoding="utf-8")
    path = tmp_path / "sbert-2024.toml"
    path.write_text(packaged, encoding="utf-8")
    assert load_ruleset(str(path)) == load_ruleset("sbert-2024")
    path.write_text(packaged.replace("value = 0.004", "value = 0.02"), encoding="utf-8")
    assert "has the name of the packaged one, and other rules. Rename the file" in refused(path)
    assert load_ruleset(str(path.rename(tmp_path / "sbert-2024-mine.toml"))).name == "sbert-2024-mine"


def test_a_leaf_alone_is_a_ruleset(tmp_path: Path) -> None:
    path = tmp_path / "always.toml"
    path.write_text(
        'title = "t"\nversion = "1"\nsource = "s"\nstart = "only"\n[nodes]\n[leaves.only]\ncandidate = "onnx"\n'
    )
    assert load_ruleset(str(path)).leaves[0].candidate == "onnx"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # keys
        ('title = "Our fleet"', "", "the key 'title' is missing."),
        ('title = "Our fleet"', 'title = ""', "title: '' is not a text."),
        ('title = "Our fleet"', "title = 7", "title: 7 is not a text."),
        ('title = "Our fleet"', 'title = "a\\nb"', "title: 'a\\nb' holds a line break or a control character."),
        ('title = "Our fleet"', 'title = "\\u001b[31mred"', "holds a line break or a control character."),
        ('title = "Our fleet"', 'titel = "Our fleet"', "titel: this key is not known here. Did you mean title?"),
        ("[nodes.vnni]", "[nodes.vnni]\nunknwon = 1", "nodes.vnni.unknwon: this key is not known here. Did you mean "),
        ("[leaves.int8]", "[leaves.int8]\nspeed = 2", "leaves.int8.speed: this key is not known here. Known are: "),
        ('because = "nothing', 'why = "nothing', "challengers[2].why: this key is not known here."),
        (
            'comparison = "known" }',
            'comparison = "known", valeu = 1 }',
            "challengers[2].when[1].valeu: this key is not",
        ),
        ('because = "nothing to export"', "", "challengers[2]: the key 'because' is missing."),
        ('candidate = "onnx-O3"', "", "leaves.plain: the key 'candidate' is missing."),
        ('question = "Does the CPU have VNNI?"', "", "nodes.vnni: the key 'question' is missing."),
        ("[nodes.vnni]", '[nodes."a b"]\n[nodes.vnni]', "nodes: 'a b' is not a name of letters, digits, '-' and '_'."),
        ("[nodes.vnni]", "[nodes]\nodd = 1\n[nodes.vnni]", "nodes.odd: 1 is not a table."),
        (
            'because = "nothing',
            'first = "yes"\nbecause = "nothing',
            "challengers[2].first: 'yes' is not true or false.",
        ),
        ("when = [{", "when = 3 #", "challengers[2].when: this is not a list of tables."),
        # facts, comparisons, values
        ('fact = "cpu.isa"', 'fact = "cpu.izza"', "nodes.vnni.fact: there is no fact called 'cpu.izza'. Did you mean"),
        (
            'fact = "memory.available_bytes"',
            'fact = "memory.free"',
            "challengers[2].when[1].fact: there is no fact called",
        ),
        ('comparison = ">="', 'comparison = "=>"', "nodes.strict.comparison: '=>' is not a comparison. Known are: ==,"),
        (
            'comparison = "contains"',
            'comparison = "=="',
            "nodes.vnni.comparison: '==' does not fit cpu.isa, which is of type set. Comparisons that fit: contains,",
        ),
        ('comparison = "in"', 'comparison = ">"', "nodes.vendor.comparison: '>' does not fit cpu.vendor, which is of"),
        ("value = 0.002", 'value = "small"', "nodes.strict.value: request.max_loss cannot be compared with 'small', "),
        ("value = 0.002", "value = true", "request.max_loss cannot be compared with True, which is not a number."),
        ("value = 0.002", "value = nan", "request.max_loss cannot be compared with nan, which is not a number."),
        ("value = 0.002", "value = -0.1", "request.max_loss cannot be compared with -0.1, which is negative."),
        ("value = 0.002", "value = 0.2", "with 0.2, which is ambiguous, for it could mean 0.2% (0.002) or 20%."),
        ("value = 0.002", "", "nodes.strict: the key 'value' is missing."),
        ('value = ["intel", "amd"]', 'value = "intel"', "nodes.vendor.value: cpu.vendor cannot be compared with 'inte"),
        ('value = ["intel", "amd"]', "value = []", "which is not a list of texts."),
        ('value = ["intel", "amd"]', 'value = ["intle"]', "which is not one of intel, amd, arm, apple."),
        ('value = ["avx512_vnni", "avx_vnni"]', "value = []", "nodes.vnni.value: the list is empty."),
        ('value = ["avx512_vnni", "avx_vnni"]', "value = [1]", "which is not a text or a list of texts."),
        ('value = ["avx512_vnni", "avx_vnni"]', 'value = "vnni"', "which holds 'vnni', which is not one of avx2, "),
        ('"known" }', '"known", value = 1 }', "challengers[2].when[1].value: 'known' takes no value."),
        # candidates and branches
        ('candidate = "onnx-O3"', 'candidate = "onnx-O9"', "leaves.plain.candidate: there is no candidate called 'onn"),
        ('candidate = "torch-bf16"', 'candidate = "torch"', "challengers[2].candidate: there is no candidate called"),
        ('no = "vendor"', "", "nodes.vnni: the branch 'no' is missing."),
        ('yes = "int8"', "", "nodes.strict: the branch 'yes' is missing."),
        ('no = "vendor"', 'no = "vendro"', "nodes.vnni.no: there is no node or leaf called 'vendro'. Did you mean ve"),
        ('start = "vnni"', 'start = "vni"', "start: there is no node or leaf called 'vni'. Did you mean vnni?"),
        ('unknown = "yes"', 'unknown = "maybe"', "nodes.vendor.unknown: 'maybe' is not 'yes' or 'no'."),
        (', no = "strict" }', " }", "nodes.strict.answers: the key 'no' is missing."),
        ('no = "strict" }', 'no = "0.2% acceptable" }', "nodes.strict.answers: both branches are called '0.2% accept"),
        # the graph
        ('yes = "int8"', 'yes = "vnni"', "the questions go round in a circle ("),
        ('no = "vendor"', 'no = "vnni"', "nodes.vnni: the questions go round in a circle (vnni -> vnni)."),
        ('no = "vendor"', 'no = "strict"', "nodes.vendor: no path from 'vnni' leads here."),
        ('yes = "int8"', 'yes = "plain"', "leaves.int8: no path from 'vnni' leads here."),
        ("[leaves.plain]", '[leaves.vendor]\ncandidate = "onnx"\n[leaves.plain]', "nodes.vendor: a leaf is called"),
        (
            "[[challengers]]\n",
            '[[challengers]]\ncandidate = "openvino"\nbecause = "b"\nsource = "s"\n[[challengers]]\n',
            "challengers[2].candidate: 'openvino' stands twice with the same conditions.",
        ),
        # TOML itself
        ("[nodes.vendor]", "[nodes.vnni]", "is not TOML: Cannot declare ('nodes', 'vnni') twice"),
        ('no = "vendor"', 'no = "vendor"\nno = "plain"', "is not TOML: Cannot overwrite a value"),
        ('version = "3"', "version = 3.1.2", "is not TOML: "),
        ("value = 0.002", "value = " + "[" * 5000 + "]" * 5000, "its values are nested too deeply."),
    ],
)
def test_a_mistake_is_refused_with_file_place_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in OWN
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(old, new, 1), encoding="utf-8")
    got = refused(path)
    assert "mine.toml" in got
    assert message in got


def test_a_missing_file_a_folder_and_another_encoding_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere.toml") == "The ruleset nowhere.toml does not exist. Check the path."
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert refused(folder).startswith("The ruleset folder.toml cannot be read: ")
    wide = tmp_path / "wide.toml"
    wide.write_text(OWN, encoding="utf-16")
    assert refused(wide) == "The ruleset wide.toml is not UTF-8: byte 0 cannot be decoded. Save it as UTF-8."


@pytest.mark.parametrize("name", ["sbert-2025", "own", "", "x" * 5000])
def test_an_unknown_name_is_refused_with_the_names_that_exist(name: str) -> None:
    with pytest.raises(InputError) as caught:
        load_ruleset(name)
    assert f"There is no ruleset called '{name}'." in str(caught.value)
    assert "sbert-2024" in str(caught.value)
    assert "a path ending in .toml" in str(caught.value)


def test_an_error_in_a_packaged_ruleset_is_called_by_its_file_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.toml").write_text("title = ")
    monkeypatch.setattr("advisor.rules.load.rulesets_dir", lambda: tmp_path)
    with pytest.raises(InputError, match=r"^The ruleset broken\.toml is not TOML"):
        load_ruleset("broken")


def test_a_very_deep_ruleset_loads(tmp_path: Path) -> None:
    """The checks use no recursion of their own, so depth is no limit."""
    count = 1500
    parts = ['title = "deep"\nversion = "1"\nsource = "s"\nstart = "n0"\n']
    for index in range(count):
        after = f"n{index + 1}" if index + 1 < count else "end"
        parts.append(
            f'[nodes.n{index}]\nquestion = "q{index}"\nfact = "gpu.cuda"\ncomparison = "=="\nvalue = true\n'
            f'yes = "end"\nno = "{after}"\n'
        )
    parts.append('[leaves.end]\ncandidate = "onnx"\n')
    path = tmp_path / "deep.toml"
    path.write_text("".join(parts))
    assert len(load_ruleset(str(path)).nodes) == count


def test_the_documentation_names_every_comparison_and_every_packaged_ruleset() -> None:
    text = (Path(__file__).parents[1] / "docs" / "rules.md").read_text("utf-8")
    for word in (*COMPARISONS, *available_rulesets()):
        assert f"`{word}`" in text


def test_the_ruleset_in_the_documentation_loads(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "rules.md").read_text("utf-8")
    path = tmp_path / "fleet.toml"
    path.write_text(text.partition("```toml\n")[2].partition("```")[0])
    assert load_ruleset(str(path)).title == "Our fleet"
    path.write_text(path.read_text().replace("cpu.isa", "cpu.izza", 1))
    assert refused(path) in text


@pytest.mark.parametrize(
    ("starts", "says"),
    [
        ('cross-encoder = "nowhere"', "starts.cross-encoder: there is no node or leaf called 'nowhere'"),
        ('reranker = "vnni"', "starts.reranker: this key is not known here"),
        ("sparse-encoder = 3", "starts.sparse-encoder: 3 is not a text"),
    ],
)
def test_a_start_for_a_kind_of_model_is_checked(tmp_path: Path, starts: str, says: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace("\n[", f"\n[starts]\n{starts}\n\n[", 1))
    assert says in refused(path)
