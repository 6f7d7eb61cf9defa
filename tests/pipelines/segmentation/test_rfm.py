import json
import logging
from datetime import datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from personal_offers.errors import InputError
from personal_offers.pipelines.segmentation.rfm import (
    describe_rfm,
    fit_rfm_breaks,
    profile_classes,
    score_rfm,
    sum_up_purchases,
)
from personal_offers.pipelines.segmentation.rfm_params import RfmOptions

FIVE = ["top", "promising", "leaving", "sleeping", "lost"]
START = datetime(2021, 1, 1, 12)
CUTOFF = 100  # days after the start
SCHEMA = {
    "row_number": "int64",
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "logged_at": "timestamp",
    "product_id": "string",
    "quantity": "int64",
    "unit_price": "decimal(18, 4)",
    "amount": "decimal(18, 2)",
    "is_return": "boolean",
    "trusted": "boolean",
}
QUANTILE = {"method": "quantile"}
CLASSES = {
    "top": {
        "label": {"ru": "Топ", "en": "Top"},
        "boxes": [{"r": [3], "f": [2, 3], "m": [2, 3]}],
    },
    "promising": {
        "label": {"ru": "Перспективные", "en": "Promising"},
        "boxes": [{"r": [3], "f": [1]}, {"r": [3], "f": [2, 3], "m": [1]}],
    },
    "leaving": {"label": {"ru": "Уходящие", "en": "Leaving"}, "boxes": [{"r": [2], "f": [2, 3]}]},
    "sleeping": {
        "label": {"ru": "Спящие", "en": "Sleeping"},
        "boxes": [{"r": [2], "f": [1]}, {"r": [1], "f": [3]}],
    },
    "lost": {"label": {"ru": "Потерянные", "en": "Lost"}, "boxes": [{"r": [1], "f": [1, 2]}]},
}


def scheme(**changes: Any) -> dict[str, Any]:
    """Three scores cut by stated values, so that tests can be worked out by hand."""
    return {
        "scores": 3,
        "recency": {"method": "business", "values": [10, 40]},
        "frequency": {"method": "business", "values": [2, 3]},
        "monetary": {"method": "business", "values": [100, 250.5]},
        "classes": CLASSES,
    } | changes


def options(scheme_changes: dict[str, Any] | None = None, **changes: Any) -> RfmOptions:
    comparison = {
        "confidence": 0.95,
        "bootstrap": 200,
        "largest_sample": 5000,
        "fewest_customers": 5,
        "seed": 7,
    }
    return RfmOptions.model_validate(
        {
            "scheme": "three",
            "schemes": {"three": scheme(**(scheme_changes or {}))},
            "best": "high",
            "monetary": "net",
            "backtest": {"outcome_days": 30, "fewest_buyers": 5},
            "comparison": comparison | changes.pop("comparison", {}),
        }
        | changes
    )


def era(cutoff: float = CUTOFF, **changes: Any) -> dict[str, Any]:
    moment = START + timedelta(days=cutoff)
    return {
        "cutoff": moment.isoformat(),
        "data_from": START.isoformat(),
        "data_to": moment.isoformat(),
        "trusted_to": None,
        "break": None,
        "withheld": {},
    } | changes


def line(customer: str, day: float, amount: float, **changes: Any) -> dict[str, Any]:
    """One line of an order of its own; below zero it is a return."""
    moment = START + timedelta(days=day)
    return {
        "customer_id": customer,
        "order_id": f"{customer}-{day}-{amount}",
        "ordered_at": moment,
        "logged_at": moment,
        "product_id": "P",
        "quantity": 1 if amount >= 0 else -1,
        "unit_price": abs(amount),
        "amount": amount,
        "is_return": amount < 0,
        "trusted": True,
    } | changes


def lines_of(*rows: dict[str, Any]) -> ir.Table:
    frame = pd.DataFrame(list(rows))
    frame.insert(0, "row_number", range(1, len(frame) + 1))
    for column in ("unit_price", "amount"):
        frame[column] = frame[column].map("{:.2f}".format)
    typed = ibis.memtable(frame, schema=SCHEMA | dict.fromkeys(("unit_price", "amount"), "string"))
    return typed.cast({name: SCHEMA[name] for name in ("unit_price", "amount")})


EXAMPLE = [
    line("anna", 95, 300),  # 5 days, 2 orders, 350
    line("anna", 20, 50),
    line("boris", 70, 80),  # 30 days, 1 order, 80
    line("clara", 30, 200),  # 70 days, 3 orders, 250.50
    line("clara", 20, 50.5),
    line("clara", 10, 30),
    line("clara", 31, -30),
]


def scored(rows: list[dict[str, Any]], asked: RfmOptions, **at: Any) -> pd.DataFrame:
    lines = lines_of(*rows)
    breaks = fit_rfm_breaks(sum_up_purchases(lines, era(**at), asked), era(**at), asked)
    table: pd.DataFrame = score_rfm(
        sum_up_purchases(lines, era(**at), asked), era(**at), breaks, asked
    ).to_pandas()
    return table.set_index("customer_id")


class TestScores:
    def test_example_by_hand(self) -> None:
        found = scored(EXAMPLE, options())

        assert found["recency_days"].to_dict() == {"anna": 5, "boris": 30, "clara": 70}
        assert found["frequency"].to_dict() == {"anna": 2, "boris": 1, "clara": 3}
        assert found["monetary"].to_dict() == {"anna": 350.0, "boris": 80.0, "clara": 250.5}
        assert found["rfm_code"].to_dict() == {"anna": "323", "boris": "211", "clara": "133"}
        assert found["rfm_class"].to_dict() == {
            "anna": "top",
            "boris": "sleeping",
            "clara": "sleeping",
        }
        assert found.loc["anna", ["class_ru", "class_en"]].to_list() == ["Топ", "Top"]

    def test_columns_are_those_of_the_contract(self) -> None:
        lines = lines_of(*EXAMPLE)
        breaks = fit_rfm_breaks(sum_up_purchases(lines, era(), options()), era(), options())

        schema = score_rfm(
            sum_up_purchases(lines, era(), options()), era(), breaks, options()
        ).schema()

        assert {name: str(kind).lstrip("!") for name, kind in schema.items()} == {
            "customer_id": "string",
            "recency_days": "int64",
            "frequency": "int64",
            "monetary": "float64",
            "r": "int64",
            "f": "int64",
            "m": "int64",
            "rfm_code": "string",
            "rfm_class": "string",
            "class_ru": "string",
            "class_en": "string",
            "days_to_next_class": "int64",
            "cutoff": "string",
        }

    def test_gross_money_leaves_returns_out(self) -> None:
        found = scored(EXAMPLE, options(monetary="gross"))

        assert found.loc["clara", "monetary"] == 280.5

    def test_polarity_turns_scores_and_keeps_classes(self) -> None:
        high, low = scored(EXAMPLE, options()), scored(EXAMPLE, options(best="low"))

        assert low["rfm_code"].to_dict() == {"anna": "121", "boris": "233", "clara": "311"}
        assert low[["r", "f", "m"]].loc["anna"].to_list() == [1, 2, 1]
        assert low["rfm_class"].equals(high["rfm_class"])
        assert low["days_to_next_class"].equals(high["days_to_next_class"])

    def test_five_scores(self) -> None:
        classes = {
            "good": {"label": {"ru": "да", "en": "yes"}, "boxes": [{"r": [4, 5]}]},
            "bad": {"label": {"ru": "нет", "en": "no"}, "boxes": [{"r": [1, 2, 3]}]},
        }
        quantile = dict.fromkeys(("recency", "monetary"), QUANTILE)
        counts = {"frequency": {"method": "business", "values": [2, 3, 4, 5]}}
        asked = options({"scores": 5, "classes": classes} | quantile | counts)
        rows = [
            line(f"c{number}", 10 * number + step, 100)
            for number in range(1, 6)
            for step in range(number)
        ]

        found = scored(rows, asked)

        assert found["rfm_code"].to_list() == ["111", "222", "333", "444", "555"]

    def test_customer_with_returns_alone_is_not_scored(self) -> None:
        found = scored([*EXAMPLE, line("dora", 40, -10)], options())

        assert list(found.index) == ["anna", "boris", "clara"]

    def test_unseen_customers_are_scored_by_the_same_breaks(self) -> None:
        # Given breaks of a shop without Eve
        asked = options(dict.fromkeys(("recency", "monetary"), QUANTILE))
        breaks = fit_rfm_breaks(sum_up_purchases(lines_of(*EXAMPLE), era(), asked), era(), asked)

        # When Eve, who is more than anybody in the fit, and Anna are scored
        rows = [line("eve", 99, 9999), *EXAMPLE[:2]]
        found = score_rfm(
            sum_up_purchases(lines_of(*rows), era(), asked), era(), breaks, asked
        ).to_pandas()

        # Then Anna keeps her scores, and Eve has the best of recency and money
        assert found["rfm_code"].to_list() == ["323", "313"]

    def test_breaks_of_other_parameters_are_refused(self) -> None:
        breaks = fit_rfm_breaks(
            sum_up_purchases(lines_of(*EXAMPLE), era(), options()), era(), options()
        )

        with pytest.raises(InputError, match="monetary is net, but params:rfm asks for gross"):
            score_rfm(
                sum_up_purchases(lines_of(*EXAMPLE), era(), options(monetary="gross")),
                era(),
                breaks,
                options(monetary="gross"),
            )

    def test_what_is_withheld_keeps_its_columns(self) -> None:
        at = {"withheld": {"rfm": "fewer than 100 customers"}}
        lines = lines_of(*EXAMPLE)
        breaks = fit_rfm_breaks(sum_up_purchases(lines, era(**at), options()), era(**at), options())

        found = score_rfm(
            sum_up_purchases(lines, era(**at), options()), era(**at), breaks, options()
        )

        assert breaks["withheld"] == "fewer than 100 customers"
        assert json.loads(json.dumps(breaks)) == breaks
        full = score_rfm(
            sum_up_purchases(lines, era(), options()),
            era(),
            fit_rfm_breaks(sum_up_purchases(lines, era(), options()), era(), options()),
            options(),
        )
        assert found.columns == full.columns
        frame = found.to_pandas()
        assert frame["frequency"].to_list() == [2, 1, 3]
        assert frame[list(full.columns[4:-1])].isna().to_numpy().all()
        assert describe_rfm(found, breaks, options()).empty
        profile = profile_classes(found, options())
        assert profile["rfm_class"].to_list() == ["all"]
        assert profile.loc[0, "customers"] == 3


class TestDaysToNextClass:
    def test_first_day_that_another_class_begins(self) -> None:
        found = scored(EXAMPLE, options())["days_to_next_class"]

        # Anna: top until 10 days. Boris: sleeping until 40. Clara: f = 3, sleeping for good
        assert found["anna"] == 6
        assert found["boris"] == 11
        assert pd.isna(found["clara"])

    def test_change_of_score_without_change_of_class_does_not_count(self) -> None:
        everybody = {"good": CLASSES["top"] | {"boxes": [{"r": [2, 3]}]}}
        classes = everybody | {"bad": CLASSES["lost"] | {"boxes": [{"r": [1]}]}}

        found = scored(EXAMPLE, options({"classes": classes}))["days_to_next_class"]

        assert found["anna"] == 36

    @settings(max_examples=8, deadline=None)
    @given(days=st.lists(st.integers(0, 99), min_size=4, max_size=10), wait=st.integers(0, 60))
    def test_is_what_waiting_brings(self, days: list[int], wait: int) -> None:
        # Given customers scored today, and again by the same breaks after waiting
        rows = [line(f"c{place % 4}", day, 50 + day) for place, day in enumerate(days)]
        lines, asked = lines_of(*rows, line("d", 99, 1), line("e", 1, 500)), options()
        lines = ibis.union(lines, lines_of(line("e", 99, 5), line("e", 98, 5)))
        breaks = fit_rfm_breaks(sum_up_purchases(lines, era(), asked), era(), asked)
        today = score_rfm(sum_up_purchases(lines, era(), asked), era(), breaks, asked).to_pandas()
        later = score_rfm(
            sum_up_purchases(lines, era(cutoff=CUTOFF + wait), asked),
            era(cutoff=CUTOFF + wait),
            breaks,
            asked,
        ).to_pandas()

        # Then the class stays for as long as was said, and goes on that very day
        left = today["days_to_next_class"]
        same = today["rfm_class"] == later["rfm_class"]
        assert same[left.isna() | (wait < left)].all()
        assert not same[wait == left].any()


class TestBreaks:
    def test_artefact_is_whole_numbers_that_json_holds(self) -> None:
        found = fit_rfm_breaks(
            sum_up_purchases(lines_of(*EXAMPLE), era(), options()), era(), options()
        )

        assert json.loads(json.dumps(found)) == found
        assert found["cutoff"] == era()["cutoff"]
        assert (found["customers"], found["scores"], found["monetary"]) == (3, 3, "net")
        assert found["measures"]["recency"] == {
            "method": "business",
            "unit": "days",
            "at_most": [10, 40],
            "customers_by_score": {"1": 1, "2": 1, "3": 1},
            "empty_scores": [],
        }
        assert found["measures"]["frequency"]["at_least"] == [2, 3]
        assert found["measures"]["monetary"]["at_least"] == [10000, 25050]
        assert found["measures"]["monetary"]["at_least_money"] == [100.0, 250.5]

    def test_quantiles_cut_equal_shares(self) -> None:
        # Given nine customers of 1 to 9 days and 10 to 90 in money
        rows = [line(f"c{day}", CUTOFF - day, 10 * day) for day in range(1, 10)]
        rows += [line("c1", 50, 0.01), line("c2", 50, 0.01), line("c2", 51, 0.01)]
        asked = options({"recency": QUANTILE, "monetary": QUANTILE})

        found = fit_rfm_breaks(sum_up_purchases(lines_of(*rows), era(), asked), era(), asked)[
            "measures"
        ]

        assert found["recency"]["at_most"] == [3, 6]
        assert set(found["recency"]["customers_by_score"].values()) == {3}
        assert set(found["monetary"]["customers_by_score"].values()) == {3}

    def test_shares_may_be_stated(self) -> None:
        rows = [line(f"c{day:02}", CUTOFF - day, 10 * day) for day in range(1, 12)]
        rows += [line("c01", 50, 0.01)]
        shares = {"method": "quantile", "shares": [0.5, 0.9]}

        found = fit_rfm_breaks(
            sum_up_purchases(lines_of(*rows), era(), options({"recency": shares})),
            era(),
            options({"recency": shares}),
        )

        assert found["measures"]["recency"]["at_most"] == [6, 10]

    def test_natural_breaks_fall_into_the_gaps(self) -> None:
        days = [1, 2, 3, 30, 31, 80, 81, 82]
        rows = [line(f"c{day}", CUTOFF - day, day * day) for day in days] + [line("c1", 0, 1)]
        natural = {"method": "natural", "scale": "log"}
        asked = options({"recency": {"method": "natural"}, "monetary": natural})

        found = fit_rfm_breaks(sum_up_purchases(lines_of(*rows), era(), asked), era(), asked)[
            "measures"
        ]

        assert found["recency"]["at_most"] == [3, 31]
        assert found["monetary"]["at_least"] == [90000, 640000]

    def test_natural_breaks_of_two_values_leave_a_score_empty(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        rows = [line("a", 10, 5), line("b", 90, 150), line("b", 89, 1)]
        asked = options({"recency": {"method": "natural"}})

        with caplog.at_level(logging.WARNING):
            found = fit_rfm_breaks(sum_up_purchases(lines_of(*rows), era(), asked), era(), asked)[
                "measures"
            ]

        assert found["recency"]["at_most"] == [10, 10]
        assert found["recency"]["empty_scores"] == [2]
        assert "No customer gets recency score 2" in caplog.text

    def test_tied_quantiles_leave_a_score_empty_and_say_so(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        # Given a shop where nearly everybody bought once
        rows = [line(f"c{day}", CUTOFF - day, 10 * day) for day in range(1, 50)]
        rows += [line("c1", 1, 1)]

        with caplog.at_level(logging.WARNING):
            found = fit_rfm_breaks(
                sum_up_purchases(lines_of(*rows), era(), options({"frequency": QUANTILE})),
                era(),
                options({"frequency": QUANTILE}),
            )

        assert found["measures"]["frequency"]["at_least"] == [2, 2]
        assert found["measures"]["frequency"]["customers_by_score"] == {"1": 48, "2": 0, "3": 1}
        assert found["measures"]["frequency"]["empty_scores"] == [2]
        assert "params:rfm.schemes.three.frequency cuts 2, 2 orders" in caplog.text

    def test_one_score_for_everybody_is_an_error_that_says_what_to_change(self) -> None:
        # Given two customers with one order each, both on the same day
        rows = [line("a", 50, 10), line("b", 50, 20)]

        with pytest.raises(InputError) as raised:
            fit_rfm_breaks(
                sum_up_purchases(lines_of(*rows), era(), options({"recency": QUANTILE})),
                era(),
                options({"recency": QUANTILE}),
            )

        recency, frequency, monetary = raised.value.problems
        assert "recency gives all 2 customers one score" in recency
        assert "boundaries: at most 50, 50 days; the values run from 50 days to 50 days" in recency
        assert "params:rfm.schemes.three.recency, which now has method quantile" in recency
        assert "at least 2, 3 orders" in frequency
        assert "at least 100.00, 250.50 in money" in monetary

    def test_one_customer_is_an_error(self) -> None:
        with pytest.raises(InputError, match="all 1 customers one score"):
            fit_rfm_breaks(
                sum_up_purchases(lines_of(*EXAMPLE[:2]), era(), options()), era(), options()
            )

    def test_nobody_by_the_cutoff_is_an_error(self) -> None:
        with pytest.raises(InputError, match="no customer had bought by 2021-01-02"):
            fit_rfm_breaks(
                sum_up_purchases(lines_of(*EXAMPLE), era(cutoff=1), options()),
                era(cutoff=1),
                options(),
            )


class TestTime:
    def test_later_lines_and_untrusted_ones_change_nothing(self) -> None:
        # Given the same shop with a different future, and with lines that are not to be trusted
        future = [line("anna", 101, 7777), line("zoe", 100.5, 5), line("clara", 100.1, -200)]
        old_order = line("boris", 70, 80, order_id="late")
        future.append(old_order | {"logged_at": START + timedelta(days=130)})
        foreign = [line("boris", 99, 999, trusted=False), line("yan", 50, 5, trusted=False)]
        asked = options(dict.fromkeys(("recency", "monetary"), QUANTILE))

        found = scored([*EXAMPLE, *future, *foreign], asked)

        assert_frame_equal(found, scored(EXAMPLE, asked))


@st.composite
def shops(draw: st.DrawFn) -> list[dict[str, Any]]:
    orders = draw(
        st.lists(
            st.tuples(
                st.integers(0, 9),
                st.integers(0, 99),
                st.integers(-5000, 20000).filter(lambda cents: cents != 0),
            ),
            min_size=1,
            max_size=25,
            unique=True,
        )
    )
    rows = [line(f"c{who}", day, cents / 100) for who, day, cents in orders]
    # Some who are surely there, so that no measure gives one score to all
    return [*rows, line("x", 99, 1), line("y", 1, 900), line("y", 2, 900), line("y", 3, 900)]


class TestEqualBehaviour:
    @settings(max_examples=12, deadline=None)
    @given(rows=shops(), method=st.sampled_from(["quantile", "natural"]), data=st.data())
    def test_gets_equal_scores_whatever_the_row_order(
        self, rows: list[dict[str, Any]], method: str, data: st.DataObject
    ) -> None:
        # Given a shop, and the same shop shuffled with twins of two of its customers
        asked = options({key: {"method": method} for key in ("recency", "monetary")})
        twins = [
            row | {"customer_id": f"twin of {row['customer_id']}", "order_id": f"t{place}"}
            for place, row in enumerate(rows)
            if row["customer_id"] in ("y", "c1")
        ]
        shuffled = data.draw(st.permutations([*rows, *twins]))

        # When both are scored
        breaks = fit_rfm_breaks(
            sum_up_purchases(lines_of(*rows, *twins), era(), asked), era(), asked
        )
        found = score_rfm(sum_up_purchases(lines_of(*shuffled), era(), asked), era(), breaks, asked)
        frame = found.to_pandas()

        # Then the order of rows plays no part, twins are equal, and scores follow the values
        assert (
            fit_rfm_breaks(sum_up_purchases(lines_of(*shuffled), era(), asked), era(), asked)
            == breaks
        )
        ordered = score_rfm(
            sum_up_purchases(lines_of(*rows, *twins), era(), asked), era(), breaks, asked
        ).to_pandas()
        assert_frame_equal(frame, ordered)
        assert frame["customer_id"].is_monotonic_increasing
        behaviour = ["recency_days", "frequency", "monetary"]
        outcome = ["r", "f", "m", "rfm_code", "rfm_class"]
        assert len(frame[behaviour + outcome].drop_duplicates()) == len(
            frame[behaviour].drop_duplicates()
        )
        for value, score, sign in zip(behaviour, "rfm", (-1, 1, 1), strict=True):
            steps = frame.assign(key=sign * frame[value]).sort_values(["key", score])
            assert steps[score].is_monotonic_increasing


class TestTables:
    def test_boundaries_are_printed_in_days_orders_and_money(self) -> None:
        lines = lines_of(*EXAMPLE)
        breaks = fit_rfm_breaks(sum_up_purchases(lines, era(), options()), era(), options())

        found = describe_rfm(
            score_rfm(sum_up_purchases(lines, era(), options()), era(), breaks, options()),
            breaks,
            options(),
        )

        wanted = pd.DataFrame(
            [
                ["recency", 3, "days", 0, 10, 1],
                ["recency", 2, "days", 11, 40, 1],
                ["recency", 1, "days", 41, None, 1],
                ["frequency", 3, "orders", 3, None, 1],
                ["frequency", 2, "orders", 2, 2, 1],
                ["frequency", 1, "orders", 1, 1, 1],
                ["monetary", 3, "money", 250.5, None, 2],
                ["monetary", 2, "money", 100, 250.49, 0],
                ["monetary", 1, "money", None, 99.99, 1],
            ],
            columns=["measure", "score", "unit", "lowest", "highest", "customers"],
        )
        assert_frame_equal(found[list(wanted)], wanted, check_dtype=False)
        assert found["share"].sum() == pytest.approx(3)

    def test_boundaries_follow_the_polarity(self) -> None:
        asked, lines = options(best="low"), lines_of(*EXAMPLE)
        breaks = fit_rfm_breaks(sum_up_purchases(lines, era(), asked), era(), asked)

        found = describe_rfm(
            score_rfm(sum_up_purchases(lines, era(), asked), era(), breaks, asked), breaks, asked
        )

        assert found["score"].to_list() == [1, 2, 3] * 3
        assert found["customers"].to_list() == [1, 1, 1, 1, 1, 1, 2, 0, 1]

    def test_profile_adds_up_and_keeps_empty_classes(self) -> None:
        lines = lines_of(*EXAMPLE)
        rfm = score_rfm(
            sum_up_purchases(lines, era(), options()),
            era(),
            fit_rfm_breaks(sum_up_purchases(lines, era(), options()), era(), options()),
            options(),
        )

        found = profile_classes(rfm, options()).set_index("rfm_class")

        assert list(found.index) == [*FIVE, "all"]
        assert found["customers"].to_list() == [1, 0, 0, 2, 0, 3]
        assert found.loc["sleeping", "monetary"] == 330.5
        assert found.loc["sleeping", "average_check"] == pytest.approx(330.5 / 4)
        assert found.loc["sleeping", "median_recency_days"] == 50
        assert found.loc[FIVE, "monetary_share"].sum() == pytest.approx(1)
        assert found.loc[FIVE, "share"].sum() == pytest.approx(1)
        assert found.loc["all", ["class_ru", "class_en"]].to_list() == [
            "Все клиенты",
            "All customers",
        ]
