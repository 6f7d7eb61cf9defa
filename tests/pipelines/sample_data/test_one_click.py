"""Synthetic tables of «В один клик»: the forms, ranges and quirks of the real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pydantic import ValidationError

from personal_offers.pipelines.sample_data.one_click import generate_one_click
from personal_offers.pipelines.sample_data.params import OneClickSample

Tables = dict[str, pd.DataFrame]
Sample = Callable[..., OneClickSample]
FILES = ("market_file", "market_money", "market_time", "money")
SEED = 7
LABEL = "Покупательская активность"
SERVICE = "Тип сервиса"
PROMO = "Акционные_покупки"
MONTHS = ["препредыдущий_месяц", "предыдущий_месяц", "текущий_месяц"]
COLUMNS = {
    "market_file": [
        "id",
        LABEL,
        SERVICE,
        "Разрешить сообщать",
        "Маркет_актив_6_мес",
        "Маркет_актив_тек_мес",
        "Длительность",
        PROMO,
        "Популярная_категория",
        "Средний_просмотр_категорий_за_визит",
        "Неоплаченные_продукты_штук_квартал",
        "Ошибка_сервиса",
        "Страниц_за_визит",
    ],
    "market_money": ["id", "Период", "Выручка"],
    "market_time": ["id", "Период", "минут"],
    "money": ["id", "Прибыль"],
}


@pytest.fixture(scope="module", name="sample")
def fixture_sample(parameters: dict[str, Any]) -> Sample:
    """Make options from those of conf/base, with the given ones changed."""
    configured = parameters["one_click"]["sample_data"]
    return lambda **changed: OneClickSample.model_validate(configured | {"seed": SEED} | changed)


@pytest.fixture(scope="module", name="tables")
def fixture_tables(sample: Sample) -> Tables:
    """Tables as configured, but for the seed."""
    return generate_one_click(sample())


@pytest.fixture(scope="module", name="revenue")
def fixture_revenue(tables: Tables) -> pd.DataFrame:
    """Revenue with one row per customer, in the order of the files."""
    money = tables["market_money"]
    money = money.assign(value=money["Выручка"].astype(float))
    months = money.pivot_table(index="id", columns="Период", values="value")[MONTHS]
    return months.loc[tables["market_file"]["id"]]


def declined(tables: Tables) -> npt.NDArray[np.bool_]:
    """Tell which customers declined."""
    return (tables["market_file"][LABEL] == "Снизилась").to_numpy(dtype=np.bool_)


def ranking_quality(values: npt.NDArray[Any], positive: npt.NDArray[np.bool_]) -> float:
    """Compute ROC-AUC from mean ranks."""
    ranks = pd.Series(values).rank().to_numpy()
    hits, misses = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def profit_of(tables: Tables) -> npt.NDArray[np.float64]:
    """Parse profits."""
    text = tables["money"]["Прибыль"].str.replace(",", ".", regex=False)
    return np.asarray(text.astype(float), dtype=np.float64)


def test_same_seed_gives_equal_tables(tables: Tables, sample: Sample) -> None:
    again = generate_one_click(sample())
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, again[name])


def test_other_seed_gives_other_tables(tables: Tables, sample: Sample) -> None:
    other = generate_one_click(sample(seed=SEED + 1))
    assert all(not table.equals(other[name]) for name, table in tables.items())


def test_tables_have_columns_and_rows_of_raw_files(tables: Tables) -> None:
    assert {name: list(table.columns) for name, table in tables.items()} == COLUMNS
    sizes = {name: len(table) for name, table in tables.items()}
    assert sizes == {
        "market_file": 1_300,
        "market_money": 3_900,
        "market_time": 2_600,
        "money": 1_300,
    }


def test_every_cell_is_text_without_gaps(tables: Tables) -> None:
    for table in tables.values():
        cells = table.to_numpy(dtype=object).ravel()
        assert all(isinstance(cell, str) and cell for cell in cells)


@pytest.mark.parametrize(
    ("name", "column", "pattern"),
    [
        ("market_file", "id", r"31[01]\d{3}"),
        ("market_file", "Маркет_актив_6_мес", r"\d\.\d"),
        ("market_file", "Маркет_актив_тек_мес", r"[345]"),
        ("market_file", "Длительность", r"\d{3,4}"),
        ("market_file", PROMO, r"0\.0|0\.[1-9]|0\.\d[1-9]"),
        ("market_file", "Средний_просмотр_категорий_за_визит", r"[1-6]"),
        ("market_file", "Неоплаченные_продукты_штук_квартал", r"\d|10"),
        ("market_file", "Ошибка_сервиса", r"\d"),
        ("market_file", "Страниц_за_визит", r"[1-9]|1\d|20"),
        ("market_money", "Выручка", r"0\.0|\d{4}\.\d|\d{6}\.\d"),
        ("market_time", "минут", r"[4-9]|1\d|2[0-3]"),
        ("money", "Прибыль", r"[1-7]|\d,[1-9]|\d,\d[1-9]"),
    ],
)
def test_cells_look_like_raw_ones(tables: Tables, name: str, column: str, pattern: str) -> None:
    assert tables[name][column].str.fullmatch(pattern).all()


def test_ids_are_contiguous_and_in_random_order(tables: Tables) -> None:
    ids = tables["market_file"]["id"].tolist()
    assert sorted(ids) == [str(number) for number in range(310_001, 311_301)]
    ranks = pd.Series(ids).astype(int)
    assert abs(ranks.corr(pd.Series(range(1_300)), method="spearman")) < 0.1


def test_every_table_holds_the_same_ids_in_the_same_order(tables: Tables) -> None:
    ids = tables["market_file"]["id"]
    assert tables["money"]["id"].tolist() == ids.tolist()
    assert tables["market_money"]["id"].tolist() == np.repeat(ids, 3).tolist()
    assert tables["market_time"]["id"].tolist() == np.repeat(ids, 2).tolist()


@pytest.mark.parametrize("seed", [SEED, 42])
def test_neither_id_nor_place_tells_the_label(sample: Sample, seed: int) -> None:
    tables = generate_one_click(sample(seed=seed))
    ids = tables["market_file"]["id"].astype(int).to_numpy()
    for position in (ids, np.arange(1_300)):
        assert 0.45 < ranking_quality(position, declined(tables)) < 0.55


def test_months_of_a_customer_come_in_any_order(tables: Tables) -> None:
    for name, orders in (("market_money", 6), ("market_time", 2)):
        shapes = tables[name].groupby("id")["Период"].agg(tuple)
        assert shapes.nunique() == orders
        assert shapes.map(len).eq(shapes.map(lambda months: len(set(months)))).all()


def test_period_names_keep_the_typo(tables: Tables) -> None:
    assert tables["market_time"]["Период"].value_counts().to_dict() == {
        "предыдцщий_месяц": 1_300,
        "текущий_месяц": 1_300,
    }
    assert set(tables["market_money"]["Период"]) == set(MONTHS)


def test_category_mix_and_spellings(tables: Tables) -> None:
    market = tables["market_file"]
    assert market[LABEL].value_counts().to_dict() == {"Прежний уровень": 802, "Снизилась": 498}
    # A twin takes the category of its pair, so the counts move by a few rows.
    counts = market["Популярная_категория"].value_counts().to_dict()
    assert counts == pytest.approx(
        {
            "Товары для детей": 330,
            "Домашний текстиль": 251,
            "Косметика и аксесуары": 223,
            "Техника для красоты и здоровья": 184,
            "Мелкая бытовая техника и электроника": 174,
            "Кухонная посуда": 138,
        },
        abs=12,
    )
    consent = market["Разрешить сообщать"].value_counts().to_dict()
    assert consent == pytest.approx({"да": 962, "нет": 338}, abs=12)


def test_misspelled_service(tables: Tables) -> None:
    market = tables["market_file"]
    counts = market[SERVICE].value_counts()
    assert counts["стандартт"] == 10
    assert counts["премиум"] == pytest.approx(376, abs=12)
    assert (market[SERVICE].eq("стандартт") & declined(tables)).sum() == 9


def test_one_revenue_outlier_of_a_declined_premium(tables: Tables, revenue: pd.DataFrame) -> None:
    current = revenue["текущий_месяц"].sort_values(ascending=False)
    assert 106_000 <= current.iloc[0] <= 107_500
    assert current.iloc[0] > 10 * current.iloc[1]
    row = tables["market_file"].set_index("id").loc[current.index[0]]
    assert (row[LABEL], row[SERVICE]) == ("Снизилась", "премиум")


def test_newcomers_have_no_earlier_revenue(tables: Tables, revenue: pd.DataFrame) -> None:
    zero = revenue[MONTHS].eq(0)
    assert zero.sum().tolist() == [3, 3, 0]
    market = tables["market_file"].set_index("id").loc[revenue.index[zero[MONTHS[0]]]]
    assert market[PROMO].eq("0.0").all()
    assert market["Длительность"].astype(int).max() <= 160


def test_promo_share_has_two_humps(tables: Tables) -> None:
    promo = tables["market_file"][PROMO].astype(float)
    assert promo.eq(0).sum() == 3
    assert (promo.gt(0.4) & promo.le(0.8)).sum() == pytest.approx(6, abs=3)
    assert promo.gt(0.8).sum() == pytest.approx(165, abs=12)
    assert promo[promo.gt(0)].min() >= 0.11


def test_whole_profits_carry_no_comma(tables: Tables) -> None:
    assert (~tables["money"]["Прибыль"].str.contains(",")).sum() == 16


def test_twins_share_revenue_and_sometimes_contradict(
    tables: Tables, revenue: pd.DataFrame
) -> None:
    market = tables["market_file"]
    pairs = revenue.assign(label=declined(tables)).groupby(MONTHS)["label"].agg(["size", "nunique"])
    assert pairs["size"].value_counts().to_dict() == {1: 1_258, 2: 21}
    assert pairs["nunique"].eq(2).sum() == 9
    assert market.drop(columns="id").duplicated().sum() == 11


def test_value_ranges(tables: Tables, revenue: pd.DataFrame) -> None:
    market = tables["market_file"]
    bought = revenue[revenue[MONTHS[0]].gt(0) & revenue["текущий_месяц"].lt(50_000)]
    assert len(bought) == 1_296
    assert bought["препредыдущий_месяц"].between(4_098, 5_663).all()
    assert bought["предыдущий_месяц"].between(2_890, 6_869.5).all()
    assert bought["текущий_месяц"].between(2_758.7, 7_799.4).all()
    assert market["Маркет_актив_6_мес"].astype(float).between(0.9, 6.6).all()
    assert market["Длительность"].astype(int).between(110, 1_079).all()


def test_profit_is_independent_of_the_label(tables: Tables) -> None:
    profit = profit_of(tables)
    assert 0.86 <= profit.min() < profit.max() <= 7.43
    assert profit.mean() == pytest.approx(4.0, abs=0.15)
    assert 0.45 < ranking_quality(profit, declined(tables)) < 0.55


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        ("Страниц_за_визит", 0.10, 0.25),
        ("Средний_просмотр_категорий_за_визит", 0.22, 0.36),
        ("Неоплаченные_продукты_штук_квартал", 0.62, 0.74),
        (PROMO, 0.72, 0.85),
    ],
)
def test_behaviour_tells_the_decline_but_not_fully(
    tables: Tables, column: str, low: float, high: float
) -> None:
    values = tables["market_file"][column].astype(float).to_numpy()
    assert low < ranking_quality(values, declined(tables)) < high


def test_masked_customers_hide_the_decline(sample: Sample) -> None:
    clear = generate_one_click(sample(masked_share=0.0))
    hidden = generate_one_click(sample(masked_share=0.5))
    quality = [
        ranking_quality(
            -tables["market_file"]["Страниц_за_визит"].astype(int).to_numpy(), declined(tables)
        )
        for tables in (clear, hidden)
    ]
    assert quality[0] > quality[1] + 0.1


def test_smallest_sample_keeps_the_quirks(sample: Sample) -> None:
    tables = generate_one_click(sample(customers=100, first_id=5))
    market = tables["market_file"]
    assert sorted(market["id"].astype(int)) == list(range(5, 105))
    assert market[SERVICE].eq("стандартт").sum() == 10
    assert market.drop(columns="id").duplicated().sum() == 11


def test_quirks_can_be_turned_off(sample: Sample) -> None:
    tables = generate_one_click(
        sample(misspelled_types=0, newcomers=0, twin_pairs=0, contradictory_twins=0)
    )
    market = tables["market_file"]
    assert set(market[SERVICE]) == {"стандарт", "премиум"}
    assert market[PROMO].ne("0.0").all()


@pytest.mark.parametrize(
    "changed",
    [
        {"seed": -1},
        {"customers": 99},
        {"first_id": 0},
        {"declined_share": 0.01},
        {"declined_share": 1.0},
        {"masked_share": 0.6},
        {"twin_pairs": 5},
        {"twin_pairs": 300},
        {"misspelled_types": 500},
        {"newcomers": -1},
        {"colour": "red"},
    ],
)
def test_options_out_of_range_are_refused(sample: Sample, changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        sample(**changed)


@pytest.mark.parametrize("name", list(OneClickSample.model_fields))
def test_no_option_has_a_default_outside_the_configuration(sample: Sample, name: str) -> None:
    options = sample().model_dump()
    del options[name]
    with pytest.raises(ValidationError, match="Field required"):
        OneClickSample.model_validate(options)


def test_committed_files_are_the_output_of_the_pipeline(written: Path, root: Path) -> None:
    committed = root / "data" / "01_raw" / "one_click"
    for name in FILES:
        assert (written / f"{name}.csv").read_bytes() == (committed / f"{name}.csv").read_bytes()


def test_pipeline_writes_the_four_files_and_nothing_but_raw_files(
    written: Path, tmp_path: Path
) -> None:
    files = sorted(path for path in (tmp_path / "output").rglob("*") if path.is_file())
    others = [path for path in files if path.parent != written]
    assert [path for path in files if path.parent == written] == [
        written / f"{name}.csv" for name in FILES
    ]
    assert all(path.parents[1] == written.parent for path in others)


def test_files_have_the_form_of_the_real_ones(written: Path) -> None:
    for name, separator in zip(FILES, ",,,;", strict=True):
        content = (written / f"{name}.csv").read_bytes()
        assert content.startswith(f"id{separator}".encode())
        assert content.count(b"\n") == content.count(b"\r\n")
        assert content.endswith(b"\r\n")


@pytest.fixture(name="written")
def fixture_written(run_pipeline: Callable[..., Any], tmp_path: Path) -> Path:
    """Folder of the raw files that the pipeline wrote."""
    run_pipeline("sample_data", tmp_path / "unused", tmp_path / "output")
    return tmp_path / "output" / "01_raw" / "one_click"
