from datetime import date, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from pydantic import ValidationError

from personal_offers.errors import InputError
from personal_offers.pipelines.interests.category_nodes import (
    categorise_products,
    propose_category_rules,
    report_categories,
    summarise_products,
)
from personal_offers.pipelines.interests.category_params import CategoryOptions, CategoryRule
from personal_offers.pipelines.interests.category_rules import apply_rules
from personal_offers.pipelines.interests.product_names import words_of

START = datetime(2021, 1, 1, 12)
ERA = {"cutoff": "2021-12-31T12:00:00"}
SCHEMA = {
    "row_number": "int64",
    "customer_id": "string",
    "order_id": "string",
    "ordered_at": "timestamp",
    "logged_at": "timestamp",
    "product_id": "string",
    "product_name": "string",
    "quantity": "int64",
    "amount": "decimal(18, 2)",
    "trusted": "boolean",
}
NOTHING = pd.DataFrame()
# Three families of things, each bought by its own kind of customer.
FAMILIES = (
    ("BAG", ("APPLE", "PEAR", "PLUM", "ROSE", "FERN", "OWL")),
    ("CANDLE", ("APPLE", "PEAR", "PLUM", "ROSE", "FERN", "OWL")),
    ("DOORMAT", ("APPLE", "PEAR", "PLUM", "ROSE", "FERN", "OWL")),
)


def rule(label: str, *keywords: str, **more: Any) -> dict[str, Any]:
    return {"label": {"ru": f"{label} ru", "en": label}, "keywords": keywords} | more


RULES = {"bags": rule("Bags", "bag"), "lights": rule("Lights", "candle")}


def options(proposal: dict[str, Any] | None = None, **changes: Any) -> CategoryOptions:
    asked = {
        "number": {"lowest": 2, "highest": 3},
        "largest_share": 0.5,
        "smallest_share": 0.02,
        "groups": 6,
        "head": "any",
        "head_weight": 1,
        "stop_words": ["set", "of"],
        "text_dimensions": 10,
        "together_dimensions": 5,
        "together_weight": 0.5,
        "baskets": "customer",
        "largest_sample": 1000,
        "keywords": 10,
        "keyword_products": 2,
        "keyword_precision": 0.5,
    }
    check = {"fewest_lines": 4, "resamples": 2, "confidence": 0.95, "folds": 2}
    given = {
        "split": date(2021, 7, 1),
        "rules": None,
        "proposal": asked | (proposal or {}),
        "text_certainty": 0.5,
        "together_certainty": 0.5,
        "check": check,
        "seed": 7,
    }
    return CategoryOptions.model_validate(given | changes)


def line(customer: str, day: int, product: str, name: str | None, **more: Any) -> dict[str, Any]:
    at = START + timedelta(days=day)
    return {
        "customer_id": customer,
        "order_id": f"{customer}-{day}",
        "ordered_at": at,
        "logged_at": at,
        "product_id": product,
        "product_name": name,
        "quantity": 1,
        "amount": 10.0,
        "trusted": True,
    } | more


def table(rows: list[dict[str, Any]]) -> ir.Table:
    numbered = [{"row_number": number} | row for number, row in enumerate(rows, start=1)]
    return ibis.memtable(pd.DataFrame(numbered, columns=list(SCHEMA)), schema=SCHEMA)


def shop() -> list[dict[str, Any]]:
    """Thirty customers, each faithful to one family, before and after the split."""
    rows = []
    for number in range(30):
        noun, motifs = FAMILIES[number % 3]
        for turn, motif in enumerate(motifs):
            name = f"{motif} {noun}"
            rows.append(line(f"c{number}", 5, f"{noun[0]}{turn}", name))
            rows.append(line(f"c{number}", 200 + turn, f"{noun[0]}{turn}", name))
    return rows


def categorised(
    rows: list[dict[str, Any]], asked: CategoryOptions, own: pd.DataFrame = NOTHING
) -> tuple[pd.DataFrame, dict[str, Any]]:
    lines = table(rows)
    products = summarise_products(lines, ERA, asked)
    proposal = propose_category_rules(products, lines, ERA, asked)
    return categorise_products(products, lines, own, proposal, ERA, asked), proposal


def reported(
    rows: list[dict[str, Any]], asked: CategoryOptions, own: pd.DataFrame = NOTHING
) -> tuple[dict[str, Any], pd.DataFrame]:
    lines = table(rows)
    products = summarise_products(lines, ERA, asked)
    found, proposal = categorised(rows, asked, own)
    return report_categories(products, lines, own, found, proposal, ERA, asked)


def category_of(name: str, rules: dict[str, Any]) -> str | None:
    given = {key: CategoryRule.model_validate(one) for key, one in rules.items()}
    found = apply_rules(words_of(pd.Series([name])), given)
    return found["category"].iloc[0] if len(found) else None


# Rules ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("RED BAGS", "bags"),
        ("BAG FOR A TEA LIGHT", "lights"),  # two words beat one
        ("BAG AND LIGHT", "lights"),  # equally long: the one that stands first
        ("LIGHT BAG WITH HANDLE", "bags"),  # equally long, more words
        ("CHRISTMAS TEA LIGHT", "christmas"),  # priority beats length
        ("LIGHT BULB BAG", "bags"),  # a not_keyword keeps it out
        ("TEA FOR LIGHT PEOPLE", "lights"),  # apart it is no phrase, but light is a word
        ("BAGPIPE", None),
        ("", None),
    ],
)
def test_which_rule_wins(name: str, category: str | None) -> None:
    rules = {
        "lights": rule("Lights", "light", "tea light", not_keywords=["bulb"]),
        "bags": rule("Bags", "bag", "handle"),
        "christmas": rule("Christmas", "christmas", priority=1),
    }
    assert category_of(name, rules) == category


def test_a_rule_in_one_form_finds_all_forms_of_a_russian_word() -> None:
    rules = {"ironing": rule("Ironing", "гладильная доска"), "covers": rule("Covers", "чехлы")}
    assert category_of("Чехол для гладильной доски", rules) == "ironing"


def test_certainty_falls_where_rules_disagree() -> None:
    rules = {key: CategoryRule.model_validate(one) for key, one in RULES.items()}
    found = apply_rules(words_of(pd.Series(["BAG", "CANDLE BAG"])), rules)
    assert found["certainty"].tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "hold no category"),
        ({"other": rule("All", "bag")}, "is taken"),
        ({"bags": rule("Bags", "--")}, "holds no word"),
        ({"bags": rule("Bags")}, "at least 1 item"),
        ({"a": rule("A", "candle"), "b": rule("B", "CANDLES")}, "stands in a and b"),
        ({"a": rule("Same", "one"), "b": rule("same", "two")}, "have one label.en"),
        ({"a": rule("Other", "one")}, "have one label.en"),
        ({"a": rule("A", "bag", not_keywords=["bags"])}, "a not_keyword"),
    ],
)
def test_rules_that_cannot_decide_are_refused(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        options(rules=rules)


def test_one_keyword_may_stand_in_two_categories_of_different_priority() -> None:
    shared = {"a": rule("A", "bag"), "b": rule("B", "bag", priority=1)}
    assert category_of("BAG", shared) == "b"
    assert options(rules=shared).rules is not None


def test_more_lowest_than_highest_categories_are_refused() -> None:
    with pytest.raises(ValidationError, match="above highest"):
        options({"number": {"lowest": 5, "highest": 4}})


# Products ---------------------------------------------------------------------------------------


def test_products_carry_their_main_name_and_what_was_bought_by_then() -> None:
    rows = [
        line("a", 1, "P", "OLD NAME", amount=5.0),
        line("a", 2, "P", "NAME", amount=20.0),
        line("b", 300, "P", "NAME", amount=1.0),
        line("b", 301, "P", "NAME", amount=-1.0, quantity=-1),
        line("b", 302, "P", "NAME", trusted=False),
        line("c", 500, "P", "NAME"),
        line("c", 3, "Q", None),
        line("c", 4, "R", "RETURNED", amount=-3.0, quantity=-1),
    ]
    products = summarise_products(table(rows), ERA, options()).to_pandas()
    assert products["product_id"].tolist() == ["P", "Q"]
    assert products["product_name"].tolist() == ["NAME", ""]
    assert products["spend"].tolist() == [26.0, 10.0]
    assert products["spend_before"].tolist() == [25.0, 10.0]
    assert products["customers"].tolist() == [2, 1]


# Proposal ---------------------------------------------------------------------------------------


def test_the_proposal_finds_the_families_and_can_be_pasted_into_the_parameters() -> None:
    found, proposal = categorised(shop(), options())
    assert found.groupby(found["product_id"].str[0])["category"].nunique().eq(1).all()
    assert found["category"].nunique() == 3
    assert proposal["reason"] is None
    assert found["how"].eq("rule").all()
    pasted = options(rules=proposal["rules"])
    assert categorised(shop(), pasted)[0]["category"].tolist() == found["category"].tolist()


def test_the_order_of_rows_changes_nothing() -> None:
    rows = [{"row_number": number} | row for number, row in enumerate(shop(), start=1)]
    turned = pd.DataFrame(rows).sample(frac=1, random_state=3).to_dict("records")
    straight, shuffled = (
        (categorised(order, options()), reported(order, options())) for order in (rows, turned)
    )
    assert straight[0][1] == shuffled[0][1]
    assert_frame_equal(straight[0][0], shuffled[0][0])
    assert straight[1][0] == shuffled[1][0]
    assert_frame_equal(straight[1][1], shuffled[1][1])


def test_what_is_sold_after_the_split_does_not_shape_the_proposal() -> None:
    rows = shop()
    late = [row for row in rows if row["ordered_at"] >= datetime(2021, 7, 1)]
    early = [row for row in rows if row["ordered_at"] < datetime(2021, 7, 1)]
    noise = [line("c1", 250, "B0", "APPLE BAG", amount=9999.0), line("z", 251, "N", "NEW LAMP")]
    assert categorised(early + noise, options())[1] == categorised(early + late, options())[1]


def test_a_largest_sample_of_baskets_still_gives_categories() -> None:
    rows = [row | {"customer_id": f"{row['customer_id']}{n}"} for n in range(8) for row in shop()]
    found, _ = categorised(rows, options({"largest_sample": 100, "baskets": "order"}))
    assert found["category"].nunique() == 3


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([line("a", 300, "P", "LATE LAMP"), line("b", 301, "Q", "LATE BAG")], "before the split"),
        ([line("a", 1, "P", "SAME"), line("b", 2, "Q", "SAME")], "do not differ"),
        ([line("a", 1, "P", ""), line("b", 2, "Q", None)], "do not differ"),
    ],
)
def test_names_that_say_nothing_end_in_other_with_the_reason(
    rows: list[dict[str, Any]], reason: str
) -> None:
    report, profile = reported(rows, options())
    assert reason in report["reason"]["en"]
    assert report["shipped"]["coverage"] == 0
    assert report["shipped"]["stability"]["ari"] is None
    assert profile["category_ru"].tolist() == ["Прочее"]


def test_fewer_products_than_categories_give_fewer_categories() -> None:
    rows = [line("a", 1, "P", "RED LAMP"), line("b", 2, "Q", "BLUE BAG")]
    asked = options(
        {"number": {"lowest": 8, "highest": 12}, "keyword_products": 1, "smallest_share": 0}
    )
    found, proposal = categorised(rows, asked)
    assert found["category"].nunique() == 2
    assert "fewer categories" in proposal["reason"]["en"]


def test_a_shop_that_sold_nothing_gets_empty_tables() -> None:
    report, profile = reported([], options())
    assert profile.empty
    assert report["products"] == 0
    assert report["shipped"]["coverage"] is None


# Fallbacks --------------------------------------------------------------------------------------


def test_a_product_that_no_rule_knows_goes_by_its_other_words_or_its_company() -> None:
    rows = [
        row | {"product_name": row["product_name"].replace("BAG", "BAG CANVAS")} for row in shop()
    ]
    rows += [line("c0", 5, "X1", "CANVAS THING"), line("c3", 5, "X2", "3"), line("z", 5, "X3", "")]
    asked = options(
        rules={"bags": rule("Bags", "bag"), "mats": rule("Mats", "doormat")}, text_certainty=0.6
    )
    found = categorised(rows, asked)[0].set_index("product_id")
    assert found.loc["X1", ["category", "how"]].tolist() == ["bags", "text"]
    assert found.loc["X2", ["category", "how"]].tolist() == ["bags", "bought_together"]
    assert found.loc["X3", ["category", "how", "certainty"]].tolist() == ["other", "other", 0.0]


def test_a_certainty_of_one_leaves_everything_unruled_to_other() -> None:
    asked = options(rules=RULES, text_certainty=1.0, together_certainty=1.0)
    found, _ = categorised(shop(), asked)
    assert set(found["how"]) == {"rule", "other"}
    assert set(found.loc[found["how"] == "other", "product_id"].str[0]) == {"D"}


# The user's own table ---------------------------------------------------------------------------


def own_table(**changes: Any) -> pd.DataFrame:
    columns = {"product_id": ["B0", "C0", "D0"], "category": ["Soft", "lights", "Soft"]}
    return pd.DataFrame(columns | changes)


def test_the_users_table_overrides_rules_and_names_its_categories() -> None:
    own = own_table(category_ru=["Мягкое", "", "Мягкое"])
    found, _ = categorised(shop(), options(rules=RULES), own)
    report, _ = reported(shop(), options(rules=RULES), own)
    found = found.set_index("product_id")
    assert found.loc[["B0", "D0"], "category"].tolist() == ["Soft", "Soft"]
    assert found.loc["B0", ["category_ru", "category_en", "how"]].tolist() == [
        "Мягкое",
        "Soft",
        "user",
    ]
    # Its key is one of the rules, which still find the candles that it misses.
    assert found.loc["C1", ["category", "category_en", "how"]].tolist() == [
        "lights",
        "Lights",
        "rule",
    ]
    assert "bags" not in set(found["category"])
    assert report["own_table"]["used"] == 3
    assert report["own_table"]["missed_products"] == 15
    assert report["own_table"]["missed_spend"] == pytest.approx(15 / 18)


def test_one_row_of_the_users_table_names_its_category_for_all() -> None:
    own = own_table(category_ru=["", None, "Мягкое"], category_en=["Soft", "lights", ""])
    found = categorised(shop(), options(rules=RULES), own)[0].set_index("product_id")
    assert found.loc[["B0", "D0"], "category_ru"].tolist() == ["Мягкое", "Мягкое"]
    assert found.loc["C0", "category_en"] == "Lights"


def test_numbers_as_product_ids_are_read_as_texts() -> None:
    rows = [row | {"product_id": "22423"} if row["product_id"] == "B0" else row for row in shop()]
    own = pd.DataFrame({"product_id": [22423], "category": ["Mine"]})
    found = categorised(rows, options(rules=RULES), own)[0].set_index("product_id")
    assert found.loc["22423", "category"] == "Mine"


def test_all_that_is_wrong_with_the_users_table_is_said_at_once() -> None:
    own = pd.DataFrame(
        {
            "product_id": ["B0", "B0", "C0", "GONE"],
            "category": ["Soft", "Soft", " ", "Soft"],
            "category_en": ["Softest", "Softer", "", "Soft"],
        }
    )
    with pytest.raises(InputError) as caught:
        categorised(shop(), options(rules=RULES), own)
    assert len(caught.value.problems) == 4
    for text in ("'B0'", "'C0'", "'GONE'", "several category_en"):
        assert text in str(caught.value)


def test_rows_without_a_product_are_counted_and_told_once() -> None:
    own = pd.DataFrame({"product_id": ["B0", "", None], "category": ["Soft", "Soft", ""]})
    with pytest.raises(InputError) as caught:
        categorised(shop(), options(rules=RULES), own)
    (problem,) = caught.value.problems
    assert "rows without a product_id: 2" in problem


def test_more_categories_than_anybody_can_use_are_refused() -> None:
    keys = [f"kind {number}" for number in range(51)]
    own = pd.DataFrame({"product_id": [f"P{key}" for key in keys], "category": keys})
    with pytest.raises(InputError, match="51 categories, at most 50"):
        categorised(shop(), options(rules=RULES, unknown_products="count"), own)
    with pytest.raises(ValidationError, match="51 categories, at most 50"):
        options(rules={f"c{place}": rule(key, f"w{'x' * place}") for place, key in enumerate(keys)})


def test_categories_of_one_name_are_refused() -> None:
    own = own_table(category=["Soft", "soft", "Hard"], category_ru=["Мягкое", "Иное", "Мягкое"])
    with pytest.raises(InputError) as caught:
        categorised(shop(), options(rules=RULES), own)
    assert len(caught.value.problems) == 2
    assert "categories Hard, Soft share one category_ru (Мягкое)" in str(caught.value)
    assert "categories Soft, soft share one category_en (Soft)" in str(caught.value)


def test_what_the_user_calls_other_is_nobodys_interest() -> None:
    own = own_table(category=["Прочее", "OTHER", "Soft"], category_ru=["Прочее", "", "Мягкое"])
    found = categorised(shop(), options(rules=RULES), own)[0].set_index("product_id")
    assert found.loc[["B0", "C0"], "category"].tolist() == ["other", "other"]
    assert found.loc["B0", ["category_ru", "category_en"]].tolist() == ["Прочее", "Other"]


def test_products_never_sold_may_be_counted_instead() -> None:
    own = pd.DataFrame({"product_id": ["B0", "GONE"], "category": ["Soft", "Soft"]})
    report, _ = reported(shop(), options(rules=RULES, unknown_products="count"), own)
    assert report["own_table"]["never_sold"] == 1


def test_a_table_without_its_columns_is_refused() -> None:
    with pytest.raises(InputError, match="no column category"):
        categorised(shop(), options(), pd.DataFrame({"product_id": ["B0"]}))


# Report -----------------------------------------------------------------------------------------


def test_halves_of_faithful_customers_agree_and_chance_is_a_third() -> None:
    report, _ = reported(shop(), options())
    assert report["shipped"]["coverage"] == 1.0
    assert report["shipped"]["largest_share"] == pytest.approx(1 / 3)
    halves = report["shipped"]["halves"]
    assert halves["agreement"] == 1.0
    assert halves["low"] < 1.0 == halves["high"]
    assert halves["chance"] == pytest.approx(1 / 3, abs=0.05)
    # Six later lines each; rarely do all of them fall into one half.
    assert 20 <= halves["customers"] <= 30


def test_customers_with_few_later_lines_are_not_split() -> None:
    few = [row for row in shop() if row["ordered_at"] < START + timedelta(days=203)]
    halves = reported(few, options(rules=RULES))[0]["shipped"]["halves"]
    assert halves["customers"] == 0
    assert halves["agreement"] is None


def test_products_that_cost_nothing_count_alike() -> None:
    rows = [row | {"amount": 0.0} for row in shop()]
    report, _ = reported(rows, options(rules=RULES))
    assert report["shipped"]["coverage"] is None
    assert report["shipped"]["stability"]["spend_kept"] == 1


def test_rules_that_stay_are_stable_and_the_profile_adds_up() -> None:
    # Doormats share their motifs with bags and candles alike: half sure, not sure enough.
    report, profile = reported(shop(), options(rules=RULES, text_certainty=0.6))
    stability = report["shipped"]["stability"]
    assert 0.5 < stability["ari_low"] <= stability["ari"] <= stability["ari_high"] <= 1
    assert report["proposed"]["stability"]["resamples"] == 2
    assert profile["spend"].sum() == 10 * len(shop())
    assert profile["spend_share"].sum() == pytest.approx(1)
    assert profile["category"].iloc[-1] in {"other", "lights", "bags"}
    bags = profile.set_index("category").loc["bags"]
    assert (bags["products"], bags["customers"]) == (6, 10)
    assert bags["top_words"].split(", ")[0] == "bag"
