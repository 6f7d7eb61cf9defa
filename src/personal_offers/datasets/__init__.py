"""Datasets that kedro-datasets does not have."""

from personal_offers.datasets.figures import FiguresDataset
from personal_offers.datasets.ibis_parquet import IbisParquetDataset
from personal_offers.datasets.pictures import PicturesDataset
from personal_offers.datasets.raw_csv import RawCSVDataset, RawTable
from personal_offers.datasets.skops_model import SkopsModelDataset

__all__ = [
    "FiguresDataset",
    "IbisParquetDataset",
    "PicturesDataset",
    "RawCSVDataset",
    "RawTable",
    "SkopsModelDataset",
]
