"""The control group: draws by hashlib, sizes by statsmodels, splits and warnings by hand."""

import hashlib
import math
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import binomtest, norm
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_effectsize

from personal_offers.features import BothLanguages
from personal_offers.pipelines.offers.experiment import (
    balance_groups,
    detectable_drop,
    detectable_effects,
    experiment_warnings,
    in_group,
    lot_text,
    needed_size,
)
from personal_offers.pipelines.offers.params import OfferOptions

SEGMENTS = {
    "save": BothLanguages(ru="Спасать", en="Save"),
    "keep": BothLanguages(ru="Беречь", en="Keep"),
}
OFFERS = {
    "promo": BothLanguages(ru="Промокод", en="Promo code"),
    "call": BothLanguages(ru="Звонок", en="Call"),
}
TEXT = {"ru": "текст", "en": "text"}
# Standard errors that are seen with power 80% at 5%.
DISTANCE = norm.ppf(0.8) + norm.ppf(0.975)


def options(**control: Any) -> OfferOptions:
    asked = {
        "share": 0.1,
        "other_shares": (0.05, 0.2, 0.5),
        "power": 0.8,
        "significance": 0.05,
        "suspicious": 0.01,
    }
    return OfferOptions.model_validate(
        {
            "plan_date": "2025-01-01",
            "currency": TEXT,
            "profit_unit": {
                "chosen": "money",
                "units": {"money": {"value": 1, "label": TEXT}},
                "source": TEXT,
            },
            "horizon_months": {"low": 1, "base": 3, "high": 6, "unit": TEXT, "source": TEXT},
            "winback": None,
            "channels": {"email": {"label": TEXT}},
            "budget": None,
            "gates": {
                "consent": {"feature": "consent", "confirmed": True},
                "fatigue": None,
                "margin_floor": 0,
            },
            "control": asked | control,
            "exploration": 0,
            "allocation": {
                "exact_customers": 100,
                "gap": 0.001,
                "rounds": 10,
                "sample": 100,
                "seconds": 10,
            },
            "trials": {
                "budgets": 2,
                "moves": (),
                "random_plans": 1,
                "draws": 100,
                "largest_sample": 1000,
            },
            "export": {"language": "ru", "separator": ";"},
            "seed": 7,
        }
    )


def plan(treated: int, control: int, **columns: Any) -> pd.DataFrame:
    """Make so many customers of each group; what is not given is the same for everyone."""
    alike = {
        "segment": "save",
        "offer_if_treated": "promo",
        "risk": 0.5,
        "save_rate": 0.2,
    }
    size = treated + control
    return pd.DataFrame(
        {
            "customer_id": [f"c{number}" for number in range(size)],
            "group": ["offer"] * treated + ["control"] * control,
            "profit": np.arange(size) % 5.0,
        }
    ).assign(**(alike | columns))


def nobody() -> pd.DataFrame:
    return plan(2, 0).assign(group="none", offer_if_treated=None)


def drawn(ids: list[str], *arguments: Any) -> list[bool]:
    table = ibis.memtable({"customer_id": ids}, schema={"customer_id": "string"})
    asked = table.mutate(inside=in_group(table.customer_id, *arguments)).to_pandas()
    return list(asked.set_index("customer_id").loc[ids, "inside"])


IDS = [f"customer-{number}" for number in range(100_000)]


class TestTheDraw:
    @pytest.mark.parametrize("customer", ["215348", "клиент 7", ""])
    def test_lots_are_sha256_of_seed_and_id(self, customer: str) -> None:
        table = ibis.memtable({"id": [customer]}, schema={"id": "string"})

        plain = table.select(lot=lot_text(table.id, 7)).to_pandas()["lot"].iloc[0]
        other = table.select(lot=lot_text(table.id, 7, "explore")).to_pandas()["lot"].iloc[0]

        assert plain == hashlib.sha256(f"7:{customer}".encode()).hexdigest()
        assert other == hashlib.sha256(f"explore:7:{customer}".encode()).hexdigest()

    def test_who_is_in_is_told_by_whole_numbers(self) -> None:
        ids = IDS[:2000]
        numbers = [int(hashlib.sha256(f"7:{name}".encode()).hexdigest(), 16) for name in ids]

        assert drawn(ids, 7, 0.25) == [4 * number < 16**64 for number in numbers]
        assert drawn(ids, 7, 0.75) == [4 * number < 3 * 16**64 for number in numbers]

    def test_the_split_is_within_binomial_limits(self) -> None:
        for share in (0.01, 0.1, 0.5):
            inside = sum(drawn(IDS, 7, share))
            assert binomtest(inside, len(IDS), share).pvalue > 0.001

    def test_nobody_and_everybody(self) -> None:
        assert not any(drawn(IDS[:500], 7, 0))
        assert all(drawn(IDS[:500], 7, 1))

    def test_arrivals_and_row_order_change_nobody(self) -> None:
        some = IDS[:300]

        before = drawn(some, 7, 0.3)
        after = drawn([*IDS[:150:-1], *IDS[:151]], 7, 0.3)

        assert dict(zip([*IDS[:150:-1], *IDS[:151]], after, strict=True)).items() >= (
            dict(zip(some, before, strict=True)).items()
        )

    def test_a_larger_share_keeps_everyone_who_was_in(self) -> None:
        small, large = drawn(IDS[:3000], 7, 0.1), drawn(IDS[:3000], 7, 0.15)

        assert all(later for now, later in zip(small, large, strict=True) if now)
        assert sum(large) > sum(small)

    @pytest.mark.parametrize("other", [(8, 0.5), (7, 0.5, "explore")])
    def test_other_seeds_and_purposes_are_independent(self, other: tuple[Any, ...]) -> None:
        both = sum(np.logical_and(drawn(IDS, 7, 0.5), drawn(IDS, *other)))

        assert binomtest(int(both), len(IDS), 0.25).pvalue > 0.001

    def test_without_an_id_there_is_no_group(self) -> None:
        table = ibis.memtable({"id": [None, "a"]}, schema={"id": "string"})

        found = table.select(inside=in_group(table.id, 7, 1)).to_pandas()["inside"]

        assert found.isna().tolist() == [True, False]

    def test_spark_draws_by_the_same_text(self) -> None:
        table = ibis.table({"id": "string"}, name="customers")

        query = ibis.to_sql(table.select(x=in_group(table.id, 7, 0.5)), dialect="pyspark")

        assert "SHA2(CONCAT('7:', `t0`.`id`), 256) < '8000" in str(query)

    @pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
    def test_a_share_out_of_range_is_an_error(self, share: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            drawn(["a"], 7, share)

    @pytest.mark.parametrize("purpose", ["7", "a:b", "Explore"])
    def test_a_purpose_that_could_be_read_as_a_seed_is_an_error(self, purpose: str) -> None:
        with pytest.raises(ValueError, match="small letters"):
            drawn(["a"], 7, 0.5, purpose)


class TestSizes:
    @pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.6, 0.95])
    @pytest.mark.parametrize("sizes", [(300, 300), (900, 100), (9500, 500), (50, 2000)])
    @pytest.mark.parametrize("asked", [(0.8, 0.05), (0.9, 0.01), (0.55, 0.4)])
    def test_the_detectable_drop_is_that_of_statsmodels(
        self, rate: float, sizes: tuple[int, int], asked: tuple[float, float]
    ) -> None:
        treated, control = sizes

        drop = detectable_drop(rate, treated, control, *asked)

        effect = NormalIndPower().solve_power(
            nobs1=treated, ratio=control / treated, power=asked[0], alpha=asked[1]
        )
        if drop is None:
            assert proportion_effectsize(rate, 0) < effect
        else:
            assert proportion_effectsize(rate, rate - drop) == pytest.approx(effect, rel=0.001)

    @pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.6, 0.95])
    @pytest.mark.parametrize("kept", [0.03, 0.2, 0.7])
    @pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.8])
    @pytest.mark.parametrize("asked", [(0.8, 0.05), (0.95, 0.01)])
    def test_the_needed_size_is_that_of_statsmodels(
        self, rate: float, kept: float, share: float, asked: tuple[float, float]
    ) -> None:
        size = needed_size(rate, rate * kept, share, *asked)

        treated = NormalIndPower().solve_power(
            effect_size=proportion_effectsize(rate, rate * (1 - kept)),
            ratio=share / (1 - share),
            power=asked[0],
            alpha=asked[1],
        )
        assert size == pytest.approx(treated / (1 - share), rel=0.001)

    def test_it_holds_where_neither_power_nor_significance_is_strict(self) -> None:
        size = needed_size(0.3, 0.06, 0.2, 0.55, 0.4)

        assert size is not None
        power = NormalIndPower().power(
            proportion_effectsize(0.3, 0.24), nobs1=0.8 * size, alpha=0.4, ratio=0.25
        )
        assert power == pytest.approx(0.55)

    def test_they_are_each_other_backwards(self) -> None:
        size = needed_size(0.4, 0.05, 0.2, 0.8, 0.05)

        assert size is not None
        drop = detectable_drop(0.4, 0.8 * size, 0.2 * size, 0.8, 0.05)
        assert drop == pytest.approx(0.05)

    def test_the_stated_power_is_reached_in_repeated_experiments(self) -> None:
        drop = detectable_drop(0.4, 1800, 200, 0.8, 0.05)

        assert drop is not None
        rng = np.random.default_rng(5)
        one, other = rng.binomial(200, 0.4, 20_000), rng.binomial(1800, 0.4 - drop, 20_000)
        pooled = (one + other) / 2000
        error = np.sqrt(pooled * (1 - pooled) * (1 / 200 + 1 / 1800))
        seen = np.abs(one / 200 - other / 1800) > norm.ppf(0.975) * error
        assert seen.mean() == pytest.approx(0.8, abs=0.02)

    def test_what_cannot_be_seen_is_none(self) -> None:
        assert detectable_drop(0.5, 100, 0, 0.8, 0.05) is None
        assert detectable_drop(0, 100, 100, 0.8, 0.05) is None
        assert detectable_drop(0.01, 20, 20, 0.8, 0.05) is None
        assert needed_size(0.1, 0.2, 0.5, 0.8, 0.05) is None
        assert needed_size(0.1, 0, 0.5, 0.8, 0.05) is None
        assert needed_size(0.1, 0.05, 0, 0.8, 0.05) is None
        assert needed_size(0.1, 0.05, 1, 0.8, 0.05) is None

    def test_the_whole_rate_can_be_the_drop(self) -> None:
        assert needed_size(0.1, 0.1, 0.5, 0.8, 0.05) == pytest.approx(75.8, abs=0.1)
        drop = detectable_drop(1, 1000, 1000, 0.8, 0.05)
        assert drop == pytest.approx(math.sin(DISTANCE * math.sqrt(0.002) / 2) ** 2, rel=1e-4)

    @pytest.mark.parametrize(
        "wrong", [(1.2, 9, 9, 0.8, 0.05), (0.5, -1, 9, 0.8, 0.05), (0.5, 9, 9, 0.05, 0.8)]
    )
    def test_numbers_out_of_range_are_errors(self, wrong: tuple[float, ...]) -> None:
        with pytest.raises(ValueError, match="must"):
            detectable_drop(*wrong)
        with pytest.raises(ValueError, match="must"):
            needed_size(wrong[0], wrong[1], 1.5, *wrong[3:])


class TestWhatCanBeShown:
    def test_everybody_comes_first_then_segments_as_the_shop_orders_them(self) -> None:
        offers = plan(5, 1, segment=["keep", "save", "new", "keep", "save", "save"])

        table = detectable_effects(offers, options(), SEGMENTS)

        assert table["segment"].unique().tolist() == ["all", "save", "keep", "new"]
        assert table["control_share"].tolist() == [0.05, 0.1, 0.2, 0.5] * 4
        assert table["chosen"].tolist() == [False, True, False, False] * 4
        names = table.drop_duplicates("segment")
        assert names["segment_ru"].tolist() == ["все клиенты", "Спасать", "Беречь", "new"]
        assert names["segment_en"].tolist() == ["all customers", "Save", "Keep", "new"]

    def test_the_chosen_share_has_real_sizes_and_others_expected_ones(self) -> None:
        table = detectable_effects(plan(87, 13), options(), {}).set_index("control_share")

        everybody = table.loc[table["segment"] == "all"]
        assert everybody["control"].to_dict() == {0.05: 5, 0.1: 13, 0.2: 20, 0.5: 50}
        assert everybody["treated"].to_dict() == {0.05: 95, 0.1: 87, 0.2: 80, 0.5: 50}

    def test_effects_are_those_of_the_sizes(self) -> None:
        offers = plan(900, 100, risk=[0.2, 0.6] * 500, save_rate=[0.1, 0.3] * 500)

        row = detectable_effects(offers, options(), SEGMENTS).iloc[1]

        assert row["base_rate"] == pytest.approx(0.4)
        assert row["assumed_effect"] == pytest.approx(0.1)  # (0.02 + 0.18) / 2
        assert row["assumed_save_rate"] == pytest.approx(0.25)
        drop = detectable_drop(0.4, 900, 100, 0.8, 0.05)
        assert row["detectable_effect"] == pytest.approx(drop)
        assert row["detectable_save_rate"] == pytest.approx((drop or 0) / 0.4)
        assert not row["learnable"]
        error = offers["profit"].std() * math.sqrt(1 / 900 + 1 / 100)
        assert row["detectable_profit"] == pytest.approx(DISTANCE * error, rel=1e-4)
        needed = needed_size(0.4, 0.1, 0.1, 0.8, 0.05)
        assert row["needed_customers"] == math.ceil(needed or 0)

    def test_enough_customers_can_be_learnt_from(self) -> None:
        table = detectable_effects(plan(9000, 1000), options(), SEGMENTS)

        assert table["learnable"].all()
        assert (table["detectable_effect"] <= table["assumed_effect"]).all()
        assert (table["needed_customers"] <= table["customers"]).all()

    def test_a_share_that_is_named_twice_stands_once(self) -> None:
        table = detectable_effects(plan(9, 1), options(other_shares=(0.1, 0.2, 0.2)), SEGMENTS)

        assert table["control_share"].tolist() == [0.1, 0.2] * 2

    def test_without_customers_everybody_is_an_empty_row(self) -> None:
        table = detectable_effects(nobody(), options(), SEGMENTS)

        assert table["segment"].tolist() == ["all"] * 4
        assert (table["customers"] == 0).all()
        assert not table["learnable"].any()
        unknown = ["base_rate", "detectable_effect", "detectable_profit", "needed_customers"]
        assert table[unknown].isna().all(axis=None)
        filled = detectable_effects(plan(9, 1), options(), SEGMENTS)
        assert_frame_equal(table.head(0), filled.head(0))

    def test_one_customer_shows_nothing_but_counts(self) -> None:
        row = detectable_effects(plan(1, 0), options(), SEGMENTS).iloc[1]

        assert (row["customers"], row["treated"], row["control"]) == (1, 1, 0)
        assert row["needed_customers"] > 0
        assert math.isnan(row["detectable_effect"]) and math.isnan(row["detectable_profit"])

    def test_without_a_control_share_nothing_is_detectable(self) -> None:
        row = detectable_effects(plan(1000, 0), options(share=0), SEGMENTS).iloc[0]

        assert row["chosen"] and not row["learnable"]
        assert math.isnan(row["detectable_effect"])
        assert pd.isna(row["needed_customers"])

    @pytest.mark.parametrize(
        ("risk", "save_rate"), [(0.0, 0.2), (0.5, 0.0), (0.5, 1e-12), (0.5, math.nan)]
    )
    def test_an_effect_that_is_none_takes_no_number_of_customers(
        self, risk: float, save_rate: float
    ) -> None:
        table = detectable_effects(plan(90, 10, risk=risk, save_rate=save_rate), options(), {})

        assert table["needed_customers"].isna().all()
        assert not table["learnable"].any()

    def test_everybody_declining_is_a_rate_like_others(self) -> None:
        row = detectable_effects(plan(900, 100, risk=1.0), options(), SEGMENTS).iloc[1]

        assert row["learnable"]
        assert row["detectable_effect"] < 0.05

    def test_it_needs_the_risk_that_was_priced_with(self) -> None:
        with pytest.raises(KeyError, match="risk"):
            detectable_effects(plan(9, 1).drop(columns="risk"), options(), SEGMENTS)


class TestBalance:
    def test_differences_are_standardised_within_each_cell(self) -> None:
        offers = plan(
            3,
            3,
            segment=["save", "save", "keep", "save", "save", "keep"],
            risk=[0.1, 0.3, 0.5, 0.2, 0.6, 0.9],
            profit=[4.0, 6.0, 5.0, 1.0, 1.0, 5.0],
        )

        table = balance_groups(offers, options(share=0.5)).set_index(["level", "segment"])

        row = table.loc["segment", "save"]
        # Means 0.4 and 0.2, variances 0.08 and 0.02; means 1 and 5, variances 0 and 2.
        assert row["risk_difference"] == pytest.approx(0.2 / math.sqrt(0.05))
        assert row["profit_difference"] == pytest.approx(-4)
        assert table.loc[("segment", "keep"), "risk_difference":"profit_difference"].isna().all()

    def test_every_cell_that_has_customers_stands_in_it(self) -> None:
        segment, offer = ["save", "save", "keep", "keep"], ["promo", "call", "promo", "promo"]
        offers = pd.concat([plan(3, 1, segment=segment, offer_if_treated=offer), nobody()])

        table = balance_groups(offers, options())

        assert table["level"].tolist() == ["all", *["segment"] * 2, *["offer"] * 2] + (
            ["segment_offer"] * 3
        )
        cells = table.loc[table["level"] == "segment_offer"]
        assert cells[["segment", "offer", "customers", "control"]].to_numpy().tolist() == [
            ["keep", "promo", 2, 1],
            ["save", "call", 1, 0],
            ["save", "promo", 1, 0],
        ]
        assert table.loc[0, ["segment", "offer"]].isna().all()
        assert (table.loc[0, "customers"], table.loc[0, "treated"]) == (4, 3)

    def test_a_fair_split_is_as_planned(self) -> None:
        table = balance_groups(plan(9050, 950), options())

        assert table.loc[0, "split_p_value"] == pytest.approx(binomtest(950, 10_000, 0.1).pvalue)
        assert table.loc[0, "control_share"] == pytest.approx(0.095)
        assert table["as_planned"].all()

    def test_an_unfair_split_is_not_and_cells_pay_for_their_number(self) -> None:
        segments = ["save"] * 16 + ["keep"] * 180 + ["save"] * 8 + ["keep"] * 20
        offers = plan(196, 28, segment=segments)

        strict = balance_groups(offers, options(suspicious=0.003))
        loose = balance_groups(offers, options(suspicious=0.05))

        alone = binomtest(8, 24, 0.1).pvalue
        row = loose.loc[(loose["level"] == "segment") & (loose["segment"] == "save")].iloc[0]
        assert row["split_p_value"] == pytest.approx(alone)
        # Five rows below the first; the two of this segment are the smallest.
        assert row["adjusted_p_value"] == pytest.approx(5 * alone)
        assert strict["as_planned"].all()
        assert loose.loc[~loose["as_planned"], "segment"].tolist() == ["save", "save"]

    def test_a_control_customer_where_none_was_planned_is_not_as_planned(self) -> None:
        assert balance_groups(plan(5, 0), options(share=0))["as_planned"].all()
        assert not balance_groups(plan(5, 1), options(share=0))["as_planned"].any()

    def test_values_that_are_all_the_same_do_not_differ(self) -> None:
        same = balance_groups(plan(7, 3, risk=0.3), options())
        apart = balance_groups(plan(7, 3, risk=[0.3] * 7 + [0.4] * 3), options())

        assert (same["risk_difference"] == 0).all()
        assert apart["risk_difference"].isna().all()

    def test_without_customers_there_is_one_empty_row(self) -> None:
        table = balance_groups(nobody(), options())

        assert table["level"].tolist() == ["all"]
        assert (table.loc[0, "customers"], table.loc[0, "control"]) == (0, 0)
        assert table.loc[0, "as_planned"]
        assert math.isnan(table.loc[0, "split_p_value"])
        assert_frame_equal(table.head(0), balance_groups(plan(7, 3), options()).head(0))

    def test_it_needs_the_offer_that_was_withheld(self) -> None:
        with pytest.raises(KeyError, match="offer_if_treated"):
            balance_groups(plan(9, 1).drop(columns="offer_if_treated"), options())


def groups(**sizes: tuple[int, int]) -> pd.DataFrame:
    """Make a plan of groups, each of so many customers with an offer and in control."""
    return pd.concat([plan(*size, segment=name) for name, size in sizes.items()])


def warnings_of(offers: pd.DataFrame, **control: Any) -> list[dict[str, str]]:
    asked = options(**control)
    effects = detectable_effects(offers, asked, SEGMENTS)
    found = experiment_warnings(effects, balance_groups(offers, asked), asked, OFFERS)
    for text in found:
        assert "nan" not in text["ru"] + text["en"]
    # Compared as typed: spaces that do not break are of no matter here.
    return [
        {key: text.replace("\u00a0", " ").replace("\u202f", " ") for key, text in both.items()}
        for both in found
    ]


class TestWarnings:
    def test_a_plan_that_will_show_its_effect_has_none(self) -> None:
        assert warnings_of(plan(9000, 1000)) == []
        assert warnings_of(groups(keep=(9000, 1000), save=(9000, 1000))) == []

    def test_one_small_group_is_named_alone(self) -> None:
        offers = groups(keep=(9000, 1000), save=(21, 2))

        (text,) = warnings_of(offers, other_shares=())

        assert text["ru"] == (
            "Отдельно ничего не узнать о группе «Спасать» (23 клиента, из них 2 в контрольной "
            "группе)."
        )
        assert text["en"] == (
            "Nothing can be learned about this group alone: “Save” (23 customers, 2 of them in "
            "the control group)."
        )

    def test_several_small_groups_share_one_warning_in_the_order_of_the_table(self) -> None:
        offers = groups(big=(9000, 1000), new=(4, 1), keep=(1, 0), save=(19, 2))

        (text,) = warnings_of(offers, other_shares=())

        assert text["ru"] == (
            "По отдельности ничего не узнать о группах: «Спасать» (21 клиент, из них 2 в "
            "контрольной группе), «Беречь» (1 клиент, в контрольной группе никого) и «new» "
            "(5 клиентов, из них 1 в контрольной группе)."
        )
        assert text["en"] == (
            "Nothing can be learned about any of these groups alone: “Save” (21 customers, 2 of "
            "them in the control group), “Keep” (1 customer, none in the control group) and “new” "
            "(5 customers, 1 of them in the control group)."
        )

    def test_groups_of_control_customers_only_are_told_in_words(self) -> None:
        offers = groups(big=(9000, 1000), save=(0, 1), keep=(0, 2))

        (text,) = warnings_of(offers, other_shares=())

        assert "«Спасать» (1 клиент, в контрольной группе) и " in text["ru"]
        assert " и «Беречь» (2 клиента, все в контрольной группе)." in text["ru"]
        assert "“Save” (1 customer, in the control group) and " in text["en"]
        assert " and “Keep” (2 customers, all in the control group)." in text["en"]

    def test_a_share_at_which_a_group_would_do_is_named_with_it(self) -> None:
        offers = groups(big=(9000, 1000), keep=(900, 100), save=(21, 2))

        (text,) = warnings_of(offers)

        assert text["ru"] == (
            "По отдельности ничего не узнать о группах: «Спасать» (23 клиента, из них 2 в "
            "контрольной группе) и «Беречь» (1 000 клиентов, из них 100 в контрольной группе). "
            "С долей контрольной группы 50% хватило бы клиентов группы «Беречь»."
        )
        assert text["en"] == (
            "Nothing can be learned about any of these groups alone: “Save” (23 customers, 2 of "
            "them in the control group) and “Keep” (1,000 customers, 100 of them in the control "
            "group). With a control share of 50% the customers of “Keep” would be enough."
        )

    def test_groups_stand_with_the_least_share_at_which_they_would_do(self) -> None:
        offers = groups(big=(9000, 1000), keep=(1350, 150), new=(900, 100), save=(900, 100))

        (text,) = warnings_of(offers)

        assert (
            " С долей контрольной группы 20% хватило бы клиентов группы «Беречь»; с долей 50% — "
            "групп «Спасать» и «new»."
        ) in text["ru"]
        assert (
            " With a control share of 20% the customers of “Keep” would be enough; with 50%, "
            "those of “Save” and “new”."
        ) in text["en"]

    def test_everybody_is_warned_of_before_the_groups(self) -> None:
        everybody, parts = warnings_of(groups(keep=(90, 10), save=(45, 5)), other_shares=())

        assert everybody["ru"].startswith("Даже по всем клиентам вместе")
        assert everybody["en"].startswith("Even over all customers")
        assert parts["ru"].startswith("По отдельности ничего не узнать о группах: «Спасать» (50 ")
        assert parts["en"].startswith("Nothing can be learned about any of these groups alone: ")

    def test_one_group_alone_is_told_as_everybody_only(self) -> None:
        (text,) = warnings_of(groups(save=(90, 10)), other_shares=())

        assert text["en"].startswith("Even over all customers")

    def test_groups_are_not_called_segments(self) -> None:
        for offers in (
            groups(big=(9000, 1000), save=(21, 2)),
            groups(big=(9000, 1000), save=(21, 2), keep=(900, 100)),
        ):
            (text,) = warnings_of(offers)
            assert "сегмент" not in text["ru"].lower()
            assert "segment" not in text["en"].lower()

    def test_another_share_that_would_do_is_named(self) -> None:
        (text,) = warnings_of(plan(900, 100))

        assert text["ru"] == (
            "Даже по всем клиентам вместе действие предложений не будет видно: 1 000 клиентов, в "
            "контрольной группе — 100. С вероятностью 80% заметно уменьшение доли снизивших "
            "активность от 14,6 п. п., а по допущениям она уменьшится на 10,0 п. п. С долей "
            "контрольной группы 50% этих клиентов хватило бы."
        )
        assert text["en"].endswith("With a control share of 50% these customers would be enough.")

    @pytest.mark.parametrize(
        ("size", "ru", "en"),
        [
            (1, "1 клиент", "1 customer"),
            (3, "3 клиента", "3 customers"),
            (11, "11 клиентов", "11 customers"),
            (21, "21 клиент", "21 customers"),
            (112, "112 клиентов", "112 customers"),
        ],
    )
    def test_numbers_have_the_right_words(self, size: int, ru: str, en: str) -> None:
        (everybody,) = warnings_of(plan(size, 0), suspicious=1e-9)
        (part,) = warnings_of(groups(big=(9000, 1000), save=(size, 0)), suspicious=1e-9)

        assert f"видно: {ru}, в контрольной группе — 0. Сравнивать" in everybody["ru"]
        assert f": {en}, with 0 in the control group. There is nobody" in everybody["en"]
        assert f"«Спасать» ({ru}, в контрольной группе никого)" in part["ru"]
        assert f"alone: “Save” ({en}, none in the control group)" in part["en"]

    def test_numbers_that_round_alike_are_told_apart(self) -> None:
        drop = detectable_drop(0.5, 2000, 217, 0.8, 0.05)
        assert drop is not None
        assumed = (drop - 0.0002) / 0.5

        (text,) = warnings_of(plan(2000, 217, save_rate=assumed), other_shares=())

        assert f"{drop:.2%}"[:-1] in text["en"]
        assert f"say {drop - 0.0002:.2%}"[:-1] in text["en"]

    def test_without_a_control_share_no_proof_is_possible(self) -> None:
        (text,) = warnings_of(plan(1000, 0), share=0)

        assert "доказать действие предложений будет невозможно" in text["ru"]
        assert "cannot be proven" in text["en"]

    def test_without_offers_there_is_nothing_to_compare(self) -> None:
        (text,) = warnings_of(nobody())

        assert text["ru"] == "Предложений никто не получает, поэтому сравнивать некого."
        assert text["en"] == "Nobody gets an offer, so there is nobody to compare."

    def test_a_split_that_is_not_as_planned_is_told_with_its_places(self) -> None:
        offers = plan(8500, 1500, offer_if_treated=["promo", "call"] * 5000)

        whole, places = warnings_of(offers)

        assert whole["ru"].startswith(
            "Разбиение не такое, как задумано: в контрольной группе 15,0% клиентов вместо 10,0% "
            "(p < 0,001)."
        )
        assert whole["en"].startswith(
            "The split is not as planned: 15.0% of the customers are in the control group instead "
            "of 10.0% (p < 0.001)."
        )
        assert "сегмент «Спасать», предложение «Звонок» — 15,0%" in places["ru"]
        assert places["en"].startswith("The control share is not as planned (10%) here: segment ")
        assert "offer “Promo code” — 15.0%" in places["en"]

    def test_many_places_are_cut_short(self) -> None:
        offers = plan(
            8500,
            1500,
            segment=["save", "save", "keep", "keep"] * 2500,
            offer_if_treated=["promo", "call"] * 5000,
        )

        _, places = warnings_of(offers)

        assert places["ru"].endswith("; и ещё 3.")
        assert places["en"].endswith("; and 3 more.")
