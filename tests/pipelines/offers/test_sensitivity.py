"""Sensitivity: plans at the ends of each range, and draws of all ranges at once, by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from scipy import stats

from personal_offers.pipelines.offers import sensitivity
from personal_offers.pipelines.offers.sensitivity import (
    CASE_COLUMNS,
    SENSITIVITY_COLUMNS,
    draw_assumptions,
    try_assumptions,
)
from personal_offers.pipelines.offers.trials import trial_of
from tests.pipelines.offers.made_up import (
    WINBACK,
    assumed,
    both,
    control,
    ids,
    offer_catalogue,
    offer_options,
    option_values,
    plan_of,
    save_rate,
    span,
)

SPACE = "\u00a0"
RICH: dict[str, Any] = {"customer_id": "a", "profit": 20.0}
POOR: dict[str, Any] = {"customer_id": "b", "profit": 9.0}
LAPSED: dict[str, Any] = {
    "customer_id": "c",
    "decline_risk": None,
    "segment": "sleeping",
    "rfm_class": "sleeping",
    "average_check": 400.0,
}
BY_RULE = offer_options(winback=WINBACK)


def tried(*rows: dict[str, Any], **others: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    plan = plan_of(*rows, **others)
    return try_assumptions(plan.offer_values, plan.catalogue, plan.options)


def by_end(*rows: dict[str, Any], **others: Any) -> pd.DataFrame:
    return tried(*rows, **others)[0].set_index(["assumption", "level"])


# --- ends of the ranges ----------------------------------------------------------------------


def test_every_assumption_goes_to_both_ends_and_then_all_of_them():
    found = tried(RICH)[0]
    assert list(found.columns) == SENSITIVITY_COLUMNS
    assert list(zip(found["assumption"], found["level"], strict=True)) == [
        ("base", "base"),
        ("save_rate", "low"),
        ("save_rate", "high"),
        ("horizon", "low"),
        ("horizon", "high"),
        ("redemption", "low"),
        ("redemption", "high"),
        ("everything", "low"),
        ("everything", "high"),
    ]


# Of RICH, p = 0.5 and M = 20 a month: p * s * (M * months - 5) - (1 - p) * g * 5 - 1.
@pytest.mark.parametrize(
    ("assumption", "level", "net", "cost"),
    [
        ("base", "base", 0.5 * 0.2 * 55 - 1.25 - 1, 1 + 0.5 + 1.25),
        ("save_rate", "low", 0.5 * 0.1 * 55 - 1.25 - 1, 1 + 0.25 + 1.25),
        ("save_rate", "high", 0.5 * 0.3 * 55 - 1.25 - 1, 1 + 0.75 + 1.25),
        ("horizon", "low", 0.5 * 0.2 * 15 - 1.25 - 1, 1 + 0.5 + 1.25),
        ("horizon", "high", 0.5 * 0.2 * 115 - 1.25 - 1, 1 + 0.5 + 1.25),
        ("redemption", "low", 0.5 * 0.2 * 55 - 0.5 - 1, 1 + 0.5 + 0.5),
        ("redemption", "high", 0.5 * 0.2 * 55 - 2.0 - 1, 1 + 0.5 + 2.0),
        ("everything", "low", 0.5 * 0.1 * 15 - 2.0 - 1, 1 + 0.25 + 2.0),
        ("everything", "high", 0.5 * 0.3 * 115 - 0.5 - 1, 1 + 0.75 + 0.5),
    ],
)
def test_the_kept_plan_is_valued_at_each_end(assumption: str, level: str, net: float, cost: float):
    row = by_end(RICH).loc[(assumption, level)]
    assert row["expected_net_kept"] == pytest.approx(net)
    assert row["spend_kept"] == pytest.approx(cost)
    # Made anew, the plan leaves the customer alone where that is better.
    assert row["expected_net"] == pytest.approx(max(net, 0))
    assert row["spend"] == pytest.approx(cost if net > 0 else 0)
    assert (row["offered"], row["changed"]) == ((1, 0) if net > 0 else (0, 1))


def test_who_is_not_in_the_plan_may_enter_it():
    # Of POOR, 0.5 * 0.2 * (27 - 5) - 2.25 = -0.05 and, at best months, 0.5 * 0.2 * 49 - 2.25.
    found = by_end(RICH, POOR)
    assert found.loc[("base", "base"), "offered"] == 1
    row = found.loc[("horizon", "high")]
    assert (row["offered"], row["changed"]) == (2, 1)
    assert row["expected_net"] - row["expected_net_kept"] == pytest.approx(4.9 - 2.25)


def test_the_base_is_the_plan():
    people = [{"customer_id": name, "profit": 8.0 + n} for n, name in enumerate(ids(30))]
    plan = plan_of(*people, options=offer_options(budget=20.0))
    row = try_assumptions(plan.offer_values, plan.catalogue, plan.options)[0].iloc[0]
    sent = plan.offers.to_pandas().query("outcome == 'sent'")
    for name, column in (("expected_net", "expected_net"), ("spend", "cost")):
        total = pytest.approx(sent[column].sum())
        assert (row[name], row[f"{name}_kept"]) == (total, total)
    assert (row["offered"], row["changed"]) == (len(sent), 0)


def test_plans_made_anew_keep_the_budget_and_are_no_worse_than_a_kept_one_that_does():
    people = [{"customer_id": name, "profit": 8.0 + n} for n, name in enumerate(ids(30))]
    catalogue = offer_catalogue(code={}, call={"channel": "call", "contact_cost": 2})
    found = tried(*people, catalogue=catalogue, options=offer_options(budget=20.0))[0]
    assert (found["spend"] <= 20 * (1 + 1e-9)).all()
    affordable = found[found["spend_kept"] <= 20]
    assert (affordable["expected_net"] >= affordable["expected_net_kept"] - 1e-9).all()


def test_an_assumption_that_changes_nothing_flips_nothing():
    people = [{"customer_id": name, "profit": 8.0 + n} for n, name in enumerate(ids(30))]
    sure = offer_catalogue(code={"redemption": assumed(0.5, 0.5, 0.5)})
    found = by_end(*people, catalogue=sure, options=offer_options(budget=20.0))
    for level in ("low", "high"):
        assert found.loc[("redemption", level), "changed"] == 0
        assert found.loc[("redemption", level), "expected_net"] == pytest.approx(
            found.loc[("base", "base"), "expected_net"]
        )


def test_all_sums_are_without_the_control_group():
    whole, part = by_end(RICH), by_end(RICH, options=offer_options(**control(0.25)))
    for column in ("expected_net_kept", "spend_kept"):
        assert part[column].to_numpy() == pytest.approx(whole[column].to_numpy() * 0.75)


def test_a_risk_by_rule_is_an_assumption_too():
    assert "risk" not in by_end(RICH, options=BY_RULE).index.get_level_values(0)
    found = by_end(LAPSED, options=BY_RULE)
    # One purchase earns 400 * 0.25: p * 0.2 * (100 - 5) - (1 - p) * 2.5 - 1 with p of 0.4, 0.6.
    for level, p in (("low", 0.4), ("high", 0.6)):
        row = found.loc[("risk", level)]
        assert row["expected_net_kept"] == pytest.approx(p * 19 - (1 - p) * 2.5 - 1)
    # It is not clear which end is the bad one, so all at once leaves it at its base.
    low = found.loc[("everything", "low"), "expected_net_kept"]
    assert low == pytest.approx(0.5 * 0.1 * (50 - 5) - 0.5 * 0.8 * 5 - 1)


def test_the_risk_of_a_model_stays_when_that_of_a_rule_moves():
    found = by_end(RICH, LAPSED, options=BY_RULE)
    moved = found.loc[("risk", "high"), "expected_net_kept"]
    assert moved == pytest.approx(3.25 + 0.6 * 19 - 0.4 * 2.5 - 1)


def test_texts_say_what_the_assumption_is():
    found = by_end(RICH)
    texts = found[["value_text_ru", "value_text_en"]].apply(tuple, axis=1).to_dict()
    assert texts == {
        ("base", "base"): ("базовые значения", "base values"),
        ("save_rate", "low"): ("10%", "10%"),
        ("save_rate", "high"): ("30%", "30%"),
        ("horizon", "low"): (f"1{SPACE}месяц", f"1{SPACE}month"),
        ("horizon", "high"): (f"6{SPACE}месяцев", f"6{SPACE}months"),
        ("redemption", "low"): ("20%", "20%"),
        ("redemption", "high"): ("80%", "80%"),
        ("everything", "low"): ("всё неблагоприятно", "all unfavourable"),
        ("everything", "high"): ("всё благоприятно", "all favourable"),
    }


@pytest.mark.parametrize(
    ("months", "ru", "en"),
    [
        (1, "1 месяц", "1 month"),
        (3, "3 месяца", "3 months"),
        (12, "12 месяцев", "12 months"),
        (21, "21 месяц", "21 months"),
        (22, "22 месяца", "22 months"),
        (1.5, "1,5 месяца", "1.5 months"),
        (0, "0 месяцев", "0 months"),
    ],
)
def test_months_stand_in_the_form_that_goes_with_their_number(months: float, ru: str, en: str):
    options = offer_options(horizon_months=assumed(months, 30, 30))
    row = by_end(RICH | {"profit": 50.0}, options=options).loc[("horizon", "low")]
    assert row["value_text_ru"] == ru.replace(" ", SPACE)
    assert row["value_text_en"] == en.replace(" ", SPACE)


def test_customers_who_are_won_back_are_counted_in_purchases():
    row = by_end(LAPSED, options=BY_RULE)
    assert row.loc[("horizon", "low"), "value_text_ru"] == (f"1{SPACE}месяц или 0,5{SPACE}покупки")
    assert row.loc[("horizon", "high"), "value_text_en"] == (f"6{SPACE}months or 2{SPACE}purchases")


def test_a_share_near_everybody_is_not_called_everybody():
    risk = {"sleeping": span(0.0004, 0.5, 0.996), "leaving": span(0.2, 0.3, 0.4)}
    row = by_end(LAPSED, options=offer_options(winback=WINBACK | {"risk": risk}))
    assert row.loc[("risk", "low"), "value_text_ru"] == "<0,1%"
    assert row.loc[("risk", "high"), "value_text_en"] == ">99%"


def test_names_are_in_both_languages():
    found = tried(RICH, LAPSED, options=BY_RULE)[0]
    assert found[["name_ru", "name_en"]].notna().all(axis=None)
    assert found["name_ru"].nunique() == found["assumption"].nunique() == 6


def test_offers_by_case_add_up_to_the_cases():
    catalogue = offer_catalogue(
        code={"name": both("Код", "Code")}, call={"channel": "call", "contact_cost": 2}
    )
    rows, cases = tried(RICH, POOR, catalogue=catalogue)
    assert list(cases.columns) == CASE_COLUMNS
    assert cases["case"].tolist() == ["low"] * 2 + ["base"] * 2 + ["high"] * 2
    assert cases["offer"].tolist() == ["code", "call"] * 3
    assert cases["channel"].tolist() == ["email", "call"] * 3
    assert cases["name_ru"].iloc[0] == "Код"
    sums = cases.groupby("case")[["customers", "spend", "expected_net"]].sum()
    ends = rows[rows["assumption"].isin(["base", "everything"])].set_index("level")
    for case in ("low", "base", "high"):
        assert sums.loc[case].tolist() == pytest.approx(
            ends.loc[case, ["offered", "spend", "expected_net"]].tolist()
        )


def test_without_customers_or_offers_all_cases_are_nothing():
    for rows in ((), (RICH | {"profit": 0.1},)):
        found, cases = tried(*rows)
        sums = ["expected_net_kept", "spend_kept"]
        assert (found[sums] == 0).all(axis=None)
        assert found.loc[found["assumption"] == "save_rate", "value_text_en"].tolist() == ["–"] * 2
        assert len(cases) == 3
    assert (found.loc[found["level"] != "high", "offered"] == 0).all()


def test_trials_leave_their_inputs_as_they_were():
    plan = plan_of(RICH, POOR)
    before = plan.offer_values.to_pandas()
    one = try_assumptions(plan.offer_values, plan.catalogue, plan.options)
    other = try_assumptions(plan.offer_values, plan.catalogue, plan.options)
    for first, second in zip(one, other, strict=True):
        assert_frame_equal(first, second)
    assert_frame_equal(plan.offer_values.to_pandas(), before)


# --- draws -----------------------------------------------------------------------------------


def drawn(*rows: dict[str, Any], **others: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    plan = plan_of(*rows, **others)
    table, facts = draw_assumptions(plan.offer_values, plan.allocation, plan.options)
    return table.to_pandas(), facts


def with_draws(draws: int, **changes: Any) -> dict[str, Any]:
    return {"trials": option_values()["trials"] | {"draws": draws}} | changes


@settings(max_examples=100, deadline=None)
@given(low=st.floats(0, 10), up=st.floats(0, 5), down=st.floats(0, 5), u=st.floats(0, 1))
def test_draws_are_quantiles_of_triangular_distributions(
    low: float, up: float, down: float, u: float
):
    base, high = low + up, low + up + down
    found = sensitivity._triangular(*(np.array([x]) for x in (u, low, base, high)))[0]
    assert low - 1e-9 <= found <= high + 1e-9
    if high - low > 1e-6:
        expected = stats.triang.ppf(u, (base - low) / (high - low), low, high - low)
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("u", [0.0, 0.3, 1.0])
def test_a_range_without_width_is_its_only_value(u: float):
    three = [np.array([0.3])] * 3
    assert sensitivity._triangular(np.array([u]), *three)[0] == 0.3


@pytest.mark.parametrize(("low", "base", "high"), [(0, 0, 1), (0, 1, 1)])
def test_a_base_at_an_end_of_the_range_is_a_triangle_as_well(low: float, base: float, high: float):
    u = np.linspace(0, 1, 11)
    ends = (np.array([float(x)]) for x in (low, base, high))
    assert sensitivity._triangular(u, *ends) == pytest.approx(stats.triang.ppf(u, base))


# Only the save rate is not known: 0.5 * s * 55 - 2.25 is above zero from 9 / 110 on.
UNSURE = offer_catalogue(code=save_rate(span(0, 0.2, 0.4)) | {"redemption": assumed(0.5, 0.5, 0.5)})
CERTAIN_MONTHS = {"horizon_months": assumed(3, 3, 3)}


def test_the_share_of_draws_is_the_chance_of_a_triangle():
    table, facts = drawn(
        RICH, catalogue=UNSURE, options=offer_options(**with_draws(20_000, **CERTAIN_MONTHS))
    )
    chance = 1 - stats.triang.cdf(9 / 110, 0.5, 0, 0.4)
    assert table["probability_of_gain"].tolist() == pytest.approx([chance], abs=0.01)
    assert facts["probability_of_gain"] == table["probability_of_gain"].iloc[0]
    for name, share in (("p05", 0.05), ("median", 0.5), ("p95", 0.95)):
        net = 0.5 * stats.triang.ppf(share, 0.5, 0, 0.4) * 55 - 2.25
        assert facts[f"expected_net_{name}"] == pytest.approx(net, abs=0.1)


def test_one_draw_holds_for_everybody():
    # Two alike customers gain and lose together, so the sum is as unsure as each.
    table, facts = drawn(
        RICH, RICH | {"customer_id": "b"},
        catalogue=UNSURE, options=offer_options(**with_draws(500, **CERTAIN_MONTHS)),
    )  # fmt: skip
    assert set(table["probability_of_gain"]) == {facts["probability_of_gain"]}
    assert 0 < facts["probability_of_gain"] < 1


def test_without_ranges_a_gain_is_certain():
    sure = offer_catalogue(
        code=save_rate(span(0.2, 0.2, 0.2)) | {"redemption": assumed(0.5, 0.5, 0.5)}
    )
    table, facts = drawn(RICH, catalogue=sure, options=offer_options(**CERTAIN_MONTHS))
    assert table["probability_of_gain"].tolist() == [1]
    assert facts == {
        "probability_of_gain": 1,
        **dict.fromkeys(
            ["expected_net_p05", "expected_net_median", "expected_net_p95"], pytest.approx(3.25)
        ),
    }


def test_the_control_group_has_a_chance_but_no_part_in_the_sum():
    people = [{"customer_id": name, "profit": 20.0} for name in ids(20)]
    plan = plan_of(*people, options=offer_options(**control(0.5)))
    table, facts = draw_assumptions(plan.offer_values, plan.allocation, plan.options)
    allocation = plan.allocation.to_pandas()
    assert table.to_pandas()["customer_id"].tolist() == ids(20)
    all_sent = plan_of(*people)
    _, whole = draw_assumptions(all_sent.offer_values, all_sent.allocation, all_sent.options)
    share = allocation["sent"].mean()
    assert 0 < share < 1
    assert facts["expected_net_median"] == pytest.approx(whole["expected_net_median"] * share)


def test_draws_depend_on_the_seed_alone():
    found = [
        drawn(RICH, catalogue=UNSURE, options=offer_options(**with_draws(200), seed=seed))[1]
        for seed in (1, 1, 2)
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_blocks_do_not_change_the_results(monkeypatch: pytest.MonkeyPatch):
    people = [{"customer_id": name, "profit": 8.0 + n} for n, name in enumerate(ids(7))]
    whole_table, whole = drawn(*people)
    monkeypatch.setattr(sensitivity, "_BLOCK", 250)  # two customers at a time
    table, facts = drawn(*people)
    assert_frame_equal(table, whole_table)
    assert facts == pytest.approx(whole)


def test_risks_by_rule_are_drawn_and_those_of_a_model_are_not():
    sure = offer_catalogue(
        code=save_rate(span(0.2, 0.2, 0.2)) | {"redemption": assumed(0.5, 0.5, 0.5)}
    )
    # Worth 0.2 * p * (100 - 5) - (1 - p) * 2.5 - 6.5 with contact 6.5: zero at p of 9 / 21.5.
    dear = offer_catalogue(
        code=save_rate(span(0.2, 0.2, 0.2))
        | {"redemption": assumed(0.5, 0.5, 0.5), "contact_cost": 6.5}
    )
    winback = WINBACK | {"purchases": assumed(1, 1, 1)}
    options = offer_options(winback=winback, **with_draws(20_000, **CERTAIN_MONTHS))
    chance = 1 - stats.triang.cdf(9 / 21.5, 0.5, 0.4, 0.2)
    found = drawn(LAPSED, catalogue=dear, options=options)[0]["probability_of_gain"].iloc[0]
    assert found == pytest.approx(chance, abs=0.01)
    assert drawn(RICH, catalogue=sure, options=options)[0]["probability_of_gain"].tolist() == [1]


@pytest.mark.parametrize("rows", [(), (RICH | {"profit": 1.0},)])
def test_where_nobody_gets_anything_no_chance_is_told(rows: tuple[dict[str, Any], ...]):
    table, facts = drawn(*rows)
    assert (len(table), list(table.columns)) == (0, ["customer_id", "probability_of_gain"])
    assert facts == {
        "probability_of_gain": None,
        "expected_net_p05": 0,
        "expected_net_median": 0,
        "expected_net_p95": 0,
    }


def test_a_sample_values_the_plan_as_the_whole_would():
    people = [{"customer_id": f"c{n:05d}", "profit": 8.0 + n % 20} for n in range(3000)]
    plan = plan_of(*people)
    whole = plan.options.model_copy(
        update={"trials": plan.options.trials.model_copy(update={"largest_sample": 10_000})}
    )
    assert trial_of(plan.offer_values, plan.catalogue, plan.options)[0].share < 0.4
    some, all_ = (
        try_assumptions(plan.offer_values, plan.catalogue, options)[0]
        for options in (plan.options, whole)
    )
    for column in ("expected_net", "spend", "offered"):
        assert some[column].to_numpy(float) == pytest.approx(all_[column].to_numpy(float), rel=0.15)
