"""The rule file: what it must say, who overrides whom, and what is wrong with a bad one."""

import pytest

from wattwarden.alarms.registry.nouns import Drive, Enterprise, Unit, UnitKind
from wattwarden.alarms.rulebook import (
    MOST_FAULTS,
    RULE_IDS,
    RuleError,
    default_rules,
    default_text,
    load_rules,
)


def unit(**more: object) -> Unit:
    values: dict[str, object] = {
        "id": "u", "enterprise": "e", "name": "u", "kind": UnitKind.TREATMENT, "rated_power": 1.0,
    }  # fmt: skip
    return Unit(**(values | more))  # type: ignore[arg-type]  # fields of a unit


FIRM = Enterprise(id="e", name="e", agency="a", region="r", industry="cement")


def test_the_default_file_has_every_rule() -> None:
    rules = default_rules()
    assert tuple(rules.rules) == RULE_IDS
    assert rules.rules["R3"].zh == "空转"
    assert rules.version.startswith("1+")


def test_another_number_is_another_version() -> None:
    other = load_rules(default_text().replace("theta_idle = 0.35", "theta_idle = 0.36"))
    assert other.version != default_rules().version


def test_what_is_said_later_wins() -> None:
    text = default_text() + (
        "\n[industry.cement]\ntheta_red = 0.7\ni_off = 0.2\n"
        "[industry.cement.treatment]\ntheta_red = 0.6\n"
    )
    rules = load_rules(text)
    plain = rules.numbers_for(unit(drive=Drive.VFD), FIRM)
    assert plain["state.theta_off"] == 0.03
    assert plain["state.theta_red"] == 0.6
    assert plain["state.i_off"] == 0.2
    own = rules.numbers_for(unit(thresholds={"theta_red": 0.5, "R1.delay_s": 60.0}), FIRM)
    assert own["state.theta_red"] == 0.5
    assert own["R1.delay_s"] == 60.0


@pytest.mark.parametrize(
    ("industry", "number", "value"),
    [
        ("furniture", "R15.within_s", 1_800),
        ("foundry", "R13.theta", 0.60),
        ("chemicals", "R14.mads", 5),
        ("coating", "R18.remind", 0.70),
        ("cement", "R15.within_s", 3_600),
    ],
)
def test_industries_that_work_in_another_way_have_numbers_of_their_own(
    industry: str, number: str, value: float
) -> None:
    firm = Enterprise(id="e", name="e", agency="a", region="r", industry=industry)
    assert default_rules().numbers_for(unit(), firm)[number] == value


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("version =", "version ==", "no TOML", id="no TOML"),
        pytest.param('version = "1"', "version = 1", "version: a text", id="version"),
        pytest.param("[rule.R0]", "[rule.R77]", "rule: unknown key R77", id="unknown rule"),
        pytest.param("[state]", "[states]", "unknown key states", id="unknown table"),
        pytest.param('zh = "空转"', "", "rule.R3.zh: a text is needed", id="no name"),
        pytest.param('class = "A"', 'class = "Z"', "class: one of A", id="class"),
        pytest.param("theta_red = 0.80", 'theta_red = "x"', "a number is needed", id="text"),
        pytest.param("theta_red = 0.80", "theta_red = true", "a number is needed", id="truth"),
        pytest.param("theta_red = 0.80", "theta_red = -1", "must not be negative", id="negative"),
        pytest.param(
            "[template.both]", "[template.both]\nx = 1", "template.both: there is no number 'x'",
            id="unknown number",
        ),
        pytest.param("[template.both]", "[template.other]", "template: unknown key", id="kind"),
        pytest.param("i_reversed = 0.85", "", "state.i_reversed: missing", id="missing"),
        pytest.param("late_s = 180", "", "rule.R6.late_s: missing", id="missing in a rule"),
        pytest.param(
            "delay_s = 600", "delay_s = 600\ndely_s = 6", "rule.R1: unknown key dely_s",
            id="misspelt",
        ),
        pytest.param(
            "switches = 6", "switches = 7", "rule.R15.switches: must be 1 to 6, got 7",
            id="more than is kept",
        ),
        pytest.param(
            "[template.both]", '[template.both]\n"R13.days" = 36',
            r"template.both.R13.days: must be 1 to 35, got 36", id="more days than are kept",
        ),
    ],
)  # fmt: skip
def test_a_bad_file_says_where_and_why(old: str, new: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        load_rules(default_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('version = "1"\nrule = 3\nstate = {}', "rule: a table is needed"),
        ('version = "1"\n[state]\n[rule]', "rule.R0: missing"),
        ('version = "1"\nindustry.x = 3\n', "industry.x: a table is needed"),
        ('version = "1"\nindustry = 3\n', "industry: a table is needed"),
        ('version = "1"\ntemplate = 3\n', "template: a table is needed"),
        (f"[state]\ntheta_off = 1{'0' * 400}\n", "state.theta_off: a number with an end is needed"),
        ("[state]\ntheta_off = inf\n", "state.theta_off: a number with an end is needed"),
    ],
)
def test_a_file_without_its_tables_is_refused(text: str, message: str) -> None:
    whole = default_text().replace('version = "1"', "") if "industry.x" in text else ""
    with pytest.raises(RuleError) as caught:
        load_rules(text + whole)
    assert message in [one.en for one in caught.value.faults]


def test_all_that_is_wrong_is_told_at_once_with_what_was_meant() -> None:
    text = default_text()
    for old, new in (
        ("theta_off = 0.10", "theta_off = -1"),
        ("delay_s = 600", "dely_s = 600"),
        ("[template.both]\ntheta_off", "[template.both]\ntheta_of"),
        ("[template.treatment.vfd]", "[template.treatment.vfdd]"),
        ("[rule.R22]", "[rule.RR22]"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(RuleError) as caught:
        load_rules(text)
    faults = caught.value.faults
    assert str(caught.value) == faults[0].en
    assert "rule.R22：缺少" in {one.zh for one in faults}
    assert "rule.R1：没有键 dely_s；是否为 delay_s？" in {one.zh for one in faults}
    assert {one.en for one in faults} == {
        "rule: unknown key RR22; did you mean R22?",
        "rule.R22: missing",
        "state.theta_off: must not be negative, got -1",
        "rule.R1: unknown key dely_s; did you mean delay_s?",
        "rule.R1.delay_s: missing",
        "template.both: there is no number 'theta_of'; did you mean theta_off?",
        "template.treatment: there is no number 'vfdd'; did you mean vfd?",
    }


def test_a_unit_s_own_numbers_must_be_known() -> None:
    with pytest.raises(RuleError, match="unit u: there is no number 'theta_of'"):
        default_rules().numbers_for(unit(thresholds={"theta_of": 1.0}), FIRM)
    with pytest.raises(RuleError, match="unit u: memory_d: must be 1 to inf, got 0"):
        default_rules().numbers_for(unit(thresholds={"memory_d": 0.0}), FIRM)


@pytest.mark.parametrize(
    "more",
    ["".join(f"theta{n} = 1\n" for n in range(1_000)), "".join(f"[x{n}]\n" for n in range(1_000))],
    ids=["numbers", "tables"],
)
def test_no_more_faults_are_told_than_somebody_reads(more: str) -> None:
    with pytest.raises(RuleError) as refused:
        load_rules(f"{default_text()}\n[industry.x.production]\n{more}")
    assert len(refused.value.faults) == MOST_FAULTS
