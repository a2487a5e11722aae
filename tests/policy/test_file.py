"""Reading policies: values, messages, digests."""

import hashlib
from pathlib import Path

import pytest
from toy_detectors import TOYS, WordOptions

from safety.detectors.registry import Registry
from safety.errors import PolicyError
from safety.policy.file import load_policy, policy_from_text
from safety.policy.model import Mode, StreamMode
from safety.types import Action, Origin, Stage

RULE = "rules: [{id: a, when: {category: prompt_attack}, action: block}]\n"


def text_of(body: str, folder: Path = Path()):
    return policy_from_text("version: 1\n" + body, "p.yaml", folder, TOYS)


def problems_of(body: str, folder: Path = Path()) -> tuple[str, ...]:
    with pytest.raises(PolicyError) as caught:
        text_of(body, folder)
    return caught.value.problems


FULL = """
name: full
description: Everything there is.
mode: monitor
on_error: annotate
deadline: 500ms
detectors:
  words:
    words: [bad, worse]
    weights: {score: 0.8, severity: 3}
    timeout: 2s
    on_error: allow
  broken: {enabled: false}
rules:
  - id: one
    when: {category: prompt_attack, origin: user, stage: input, min_score: 0.7, min_severity: 2}
    action: redact
    message: no
    mode: enforce
    replacement: "***"
  - id: two
    when: {category: [toy, indirect_attack], origin: [document, tool_result], stage: [input, output]}
    action: annotate
stream: {mode: buffered, max_hold: 100, overlap: 20}
documents: {tags: doc, pointers: [/metadata/context/*]}
exceptions:
  - {text: bad dog, reason: a song, expires: 2030-01-31, categories: prompt_attack, rules: [one]}
  - {pattern: "ba[dt]", reason: the firm's name, expires: 2030-01-31}
record: {raw_excerpts: true}
tests:
  - {name: t, prompt: bad, documents: [worse], expect: allow, would: redact, rules: one, not_rules: [two]}
  - {name: u, prompt: q, answer: a, expect: allow}
"""


def test_every_key_arrives():
    loaded = text_of(FULL)
    policy = loaded.policy
    assert (policy.name, policy.mode, policy.on_error, policy.deadline) == (
        "full",
        Mode.MONITOR,
        Action.ANNOTATE,
        0.5,
    )
    one, two = policy.rules
    assert (one.when.categories, one.when.origins, one.when.stages) == (
        ("prompt_attack",),
        frozenset({Origin.USER}),
        frozenset({Stage.INPUT}),
    )
    assert (one.when.min_score, one.when.min_severity) == (0.7, 2)
    assert (one.action, one.message, one.mode, one.replacement) == (Action.REDACT, "no", Mode.ENFORCE, "***")
    assert two.when.categories == ("toy", "indirect_attack")
    assert two.mode is None
    words = policy.detectors["words"]
    assert isinstance(words.options, WordOptions)
    assert (words.options.words, words.options.weights.severity) == (("bad", "worse"), 3)
    assert (words.timeout, words.on_error, words.enabled) == (2.0, Action.ALLOW, True)
    assert not policy.detectors["broken"].enabled
    assert (policy.stream.mode, policy.stream.max_hold, policy.stream.overlap) == (
        StreamMode.BUFFERED,
        100,
        20,
    )
    assert (policy.documents.tags, policy.documents.pointers) == (("doc",), ("/metadata/context/*",))
    assert policy.raw_excerpts
    first, second = policy.exceptions
    assert (first.text, first.expires.isoformat(), first.rules) == ("bad dog", "2030-01-31", ("one",))
    assert second.pattern is not None
    assert second.pattern.search("a bat")
    assert [case.name for case in loaded.cases] == ["t", "u"]
    assert [case.stage for case in loaded.cases] == [Stage.INPUT, Stage.OUTPUT]
    assert loaded.cases[0].place.startswith("p.yaml:3")


def test_the_least_policy_has_safe_defaults():
    policy = text_of("").policy
    assert (policy.mode, policy.on_error, policy.deadline) == (Mode.ENFORCE, Action.BLOCK, 2.0)
    assert policy.stream.mode is StreamMode.WINDOWED
    assert policy.rules == ()


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("rulez: []\n", 2, "$.rulez: unknown key 'rulez', did you mean 'rules'?: allowed are deadline, "),
        (
            "mode: enforced\n",
            2,
            "$.mode: unknown value 'enforced', did you mean 'enforce'?: allowed are enforce",
        ),
        ("mode: no\n", 2, "$.mode: unknown value 'no': allowed are enforce, monitor"),
        ("mode: 3\n", 2, "$.mode: 3 is not allowed: write enforce, monitor"),
        ("name: 2024\n", 2, "$.name: 2024 is not allowed: write a text, in quotes"),
        (
            "record: {raw_excerpts: no}\n",
            2,
            "$.record.raw_excerpts: 'no' is not allowed: write true or false",
        ),
        ("record: {raw_excerpts: 'true'}\n", 2, "write true or false"),
        ("deadline: 2 hours\n", 2, "$.deadline: '2 hours' is no duration: write 2, '2s', '500ms' or '1m'"),
        ("deadline: 0\n", 2, "$.deadline: 0 is not allowed: write a number above 0"),
        ("deadline: '0s'\n", 2, "write a number above 0"),
        ("deadline: 1:30\n", 2, "'1:30' is no duration"),
        (
            "on_error: ignore\n",
            2,
            "$.on_error: unknown value 'ignore': allowed are allow, annotate, redact, block",
        ),
        ("rules: {}\n", 2, "$.rules: a mapping is not allowed: write a list"),
        ("rules:\n  - when: {category: prompt_attack}\n    action: block\n", 3, "$.rules[0].id: missing"),
        ("rules:\n  - just text\n", 3, "$.rules[0]: 'just text' is not allowed: write a mapping"),
        (RULE + "rules: []\n", 3, "$.rules: the key is already there, in line 2: give it once"),
        ("rules:\n- {id: on_error, when: {category: toy}, action: block}\n", 3, "choose another"),
        (
            "rules:\n- {id: a b, when: {category: toy}, action: block}\n",
            3,
            "$.rules[0].id: 'a b' is not allowed",
        ),
        (
            "rules:\n- {id: a, when: {category: toy}, action: block, replacement: x}\n",
            3,
            "$.rules[0]: replacement with the action block: it belongs to redact",
        ),
        (
            "rules:\n- id: a\n  when:\n    category: toy\n    min_score: 1.5\n  action: block\n",
            6,
            "$.rules[0].when.min_score: 1.5 is not allowed: write 1.0 or less",
        ),
        (
            "rules:\n- id: a\n  when: {category: []}\n  action: block\n",
            4,
            "$.rules[0].when.category: a list is not allowed: write at least 1 item",
        ),
        (
            "rules:\n- id: a\n  when:\n    category: toy\n    origin: [user, documents]\n  action: block\n",
            6,
            "$.rules[0].when.origin[1]: unknown value 'documents', did you mean 'document'?",
        ),
        (
            "rules:\n- id: a\n  when: {category: promt_attack}\n  action: block\n",
            4,
            "$.rules[0].when.category: unknown category 'promt_attack', did you mean 'prompt_attack'?",
        ),
        (
            "rules:\n- {id: a, when: {category: [toy, hate]}, action: block}\n",
            3,
            "$.rules[0].when.category[1]: no installed detector finds 'hate': installed detectors find",
        ),
        ("detectors: {word: {}}\n", 2, "$.detectors.word: unknown detector 'word', did you mean 'words'?"),
        ("detectors: {words: 5}\n", 2, "$.detectors.words: 5 is not allowed: write a mapping"),
        (
            "detectors:\n  words:\n    wrods: [a]\n",
            4,
            "$.detectors.words.wrods: unknown key 'wrods', did you mean 'words'?: allowed are enabled,",
        ),
        (
            "detectors:\n  words:\n    weights:\n      scor: 1\n",
            5,
            "$.detectors.words.weights.scor: unknown key 'scor', did you mean 'score'?: allowed are score",
        ),
        (
            "detectors: {words: {words: [1]}}\n",
            2,
            "$.detectors.words.words[0]: 1 is not allowed: write a text",
        ),
        (
            "detectors: {words: {fold: 'yes'}}\n",
            2,
            "$.detectors.words.fold: 'yes' is not allowed: write true",
        ),
        (
            "detectors: {words: {weights: {score: 3}}}\n",
            2,
            "$.detectors.words.weights: score 3.0: write 0 to 1",
        ),
        ("detectors: {words: {timeout: soon}}\n", 2, "$.detectors.words.timeout: 'soon' is no duration"),
        ("detectors: {words: {files: [no.txt]}}\n", 2, "$.detectors.words.files[0]: no file 'no.txt'"),
        ("stream: {max_hold: 10, overlap: 10}\n", 2, "$.stream: overlap 10 is not below max_hold 10"),
        ("documents: {pointers: [metadata]}\n", 2, "$.documents.pointers[0]: 'metadata' is not allowed"),
        ("limits: {characters: 0}\n", 2, "$.limits.characters: 0 is not allowed: write 1 or more"),
        ("limits: {chars: 5}\n", 2, "$.limits.chars: unknown key 'chars', did you mean 'characters'?"),
        (
            "exceptions: [{reason: r, expires: 2030-01-01}]\n",
            2,
            "give exactly one of text, pattern and sha256",
        ),
        (
            "exceptions: [{text: a, sha256: b, reason: r, expires: 2030-01-01}]\n",
            2,
            "$.exceptions[0].sha256: 'b' is not allowed",
        ),
        ("exceptions: [{text: a, reason: r, expires: tomorrow}]\n", 2, "write a date as YYYY-MM-DD"),
        ("exceptions: [{text: a, reason: r, expires: 20300101}]\n", 2, "write a date as YYYY-MM-DD"),
        ("exceptions: [{text: a, reason: r}]\n", 2, "$.exceptions[0].expires: missing"),
        (
            "exceptions: [{pattern: 'a(', reason: r, expires: 2030-01-01}]\n",
            2,
            "$.exceptions[0].pattern: not a pattern",
        ),
        ("exceptions: [{pattern: '(?=a)', reason: r, expires: 2030-01-01}]\n", 2, "without look-around"),
        (
            RULE + "exceptions: [{text: a, reason: r, expires: 2030-01-01, rules: [b]}]\n",
            3,
            "unknown rule 'b'",
        ),
        (
            RULE + "tests: [{name: t, prompt: x, expect: allow, rules: [aa]}]\n",
            3,
            "unknown rule 'aa', did you mean 'a'?",
        ),
        ("tests: [{name: t, prompt: x, expect: deny}]\n", 2, "$.tests[0].expect: unknown value 'deny'"),
        (
            "tests:\n- {name: t, expect: allow}\n- {name: t, expect: allow}\n",
            4,
            "name 't' is already there, in line 3",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(body, line, said):
    problems = problems_of(body)
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"p.yaml:{line}: $")
    assert said in problems[0]
    assert "\n" not in problems[0]


@pytest.mark.parametrize("head", ["version: 2\n", "version: '1'\n", "name: x\n"])
def test_only_version_1_is_read(head):
    with pytest.raises(PolicyError) as caught:
        policy_from_text(head, "p.yaml", registry=TOYS)
    (problem,) = caught.value.problems
    assert problem.startswith("p.yaml:1: $.version: ")


def test_all_mistakes_are_named_at_once():
    problems = problems_of(
        "mode: off\nrules:\n- {id: a, when: {category: hate}, action: stop}\n"
        "detectors: {pii: {}, words: {x: 1}}\n"
    )
    assert [p.split(": ")[0] for p in problems] == [
        "p.yaml:2",
        "p.yaml:4",
        "p.yaml:4",
        "p.yaml:5",
        "p.yaml:5",
    ]


def test_a_broken_plug_in_stops_only_the_policy_that_names_it():
    registry = Registry(TOYS.entries, {"acme": "detector 'acme' of acme 1.2 cannot be used: ImportError: no"})
    assert policy_from_text("version: 1\n" + RULE, registry=registry).policy.rules
    with pytest.raises(PolicyError, match=r"acme 1\.2 cannot be used: ImportError"):
        policy_from_text("version: 1\ndetectors: {acme: {}}\n", registry=registry)
    with pytest.raises(PolicyError) as caught:
        policy_from_text("version: 1\n" + RULE.replace("prompt_attack", "acme_thing"), registry=registry)
    reason, category = caught.value.problems
    assert "unknown category 'acme_thing'" in category
    assert category.endswith("(not usable: acme)")
    assert "acme 1.2 cannot be used: ImportError: no: repair or uninstall it" in reason


def test_limits_are_short_for_a_detector_and_a_rule():
    policy = text_of("limits: {characters: 10, message: too long}\n").policy
    assert policy.detectors["limits"].options.characters == 10
    (rule,) = policy.rules
    assert (rule.id, rule.when.categories, rule.when.stages) == (
        "limits",
        ("limit",),
        frozenset({Stage.INPUT}),
    )
    assert (rule.action, rule.message) == (Action.BLOCK, "too long")


def test_files_in_options_are_found_beside_the_policy(tmp_path):
    (tmp_path / "words.txt").write_text("zebra\n")
    (tmp_path / "p.yaml").write_text("version: 1\n" + RULE + "detectors: {words: {files: [words.txt]}}\n")
    loaded = load_policy(tmp_path / "p.yaml", TOYS)
    assert loaded.policy.name == "p"
    assert loaded.policy.detectors["words"].options.files == (tmp_path / "words.txt",)
    assert loaded.files == (tmp_path / "p.yaml", tmp_path / "words.txt")


def test_a_tokenizer_may_be_a_file_a_folder_or_a_name(tmp_path):
    (tmp_path / "tok").mkdir()
    (tmp_path / "tok" / "tokenizer.json").write_text("{}")
    for written, there in (("tok", True), ("tok/tokenizer.json", True), ("microsoft/phi-4", False)):
        loaded = text_of(f"limits: {{tokens: 5, tokenizer: {written}}}\n", tmp_path)
        path = tmp_path / "tok" / "tokenizer.json"
        assert loaded.policy.detectors["limits"].options.tokenizer == (str(path) if there else written)
        assert loaded.files == ((path,) if there else ())


def test_the_same_policy_written_otherwise_has_the_same_digest():
    one = text_of(RULE + "deadline: 2s\nname: one\n")
    two = text_of(
        "# a comment\nname: two\ndescription: d\n"
        "detectors: {words: {fold: true}, broken: {}}\nrules:\n- action: block\n"
        "  when:\n    min_score: 0.5\n    category: [prompt_attack]\n  id: a\ndeadline: 2.0\n"
    )
    assert one.policy.digest == two.policy.digest
    assert one.policy.id == f"one@{one.policy.digest[:12]}"


@pytest.mark.parametrize(
    "more",
    [
        "mode: monitor\n",
        "deadline: 3\n",
        "on_error: allow\n",
        "stream: {mode: observe}\n",
        "detectors: {words: {fold: false}}\n",
        "detectors: {words: {enabled: false}}\n",
        "detectors: {words: {timeout: 1s}}\n",
        "exceptions: [{text: a, reason: r, expires: 2030-01-01}]\n",
        "exceptions: [{pattern: a, reason: r, expires: 2030-01-01}]\n",
        "record: {raw_excerpts: true}\n",
        "documents: {tags: x}\n",
        "limits: {characters: 5}\n",
    ],
)
def test_whatever_can_change_a_verdict_changes_the_digest(more):
    assert text_of(RULE).policy.digest != text_of(RULE + more).policy.digest


def test_the_order_of_rules_and_the_content_of_files_change_the_digest(tmp_path):
    rules = ["{id: a, when: {category: toy}, action: block}", "{id: b, when: {category: toy}, action: block}"]
    there, back = (text_of(f"rules: [{', '.join(r)}]\n").policy.digest for r in (rules, rules[::-1]))
    assert there != back

    body = RULE + "detectors: {words: {files: [words.txt]}}\n"
    digests = []
    for folder, content in (("x", "zebra"), ("y", "zebra"), ("z", "lion")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "words.txt").write_text(content)
        digests.append(text_of(body, tmp_path / folder).policy.digest)
    assert digests[0] == digests[1] != digests[2]


def test_an_exception_by_hash_reads():
    value = hashlib.sha256(b"x").hexdigest()
    policy = text_of(f"exceptions: [{{sha256: {value}, reason: r, expires: 2030-01-01}}]\n").policy
    assert policy.exceptions[0].sha256 == value


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(PolicyError, match=r"none\.yaml:1: \$: cannot be read \(No such file"):
        load_policy(tmp_path / "none.yaml", TOYS)
