"""Stored models: the same predictions after loading, and no model from a file that was changed."""

from __future__ import annotations

import doctest
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catboost import CatBoostClassifier
from kedro.io import DatasetError
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from personal_offers.datasets import SkopsModelDataset, skops_model
from personal_offers.errors import InputError

FACTS = {"features": {"сумма": {"type": "number"}}, "seed": 1, "training_period": None}
RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(60, 4))
LABEL = ROWS[:, 0] + RNG.normal(size=60) > 0


def boosting() -> CatBoostClassifier:
    return CatBoostClassifier(
        iterations=8, depth=3, random_seed=1, thread_count=1, allow_writing_files=False, verbose=0
    )


def machine() -> CalibratedClassifierCV:
    folds = StratifiedKFold(3, shuffle=True, random_state=1)
    return CalibratedClassifierCV(SVC(random_state=1), cv=folds, ensemble=False)


MODELS: dict[str, Callable[[], Any]] = {
    "logistic_regression": LogisticRegression,
    "svc": machine,
    "k_neighbors_straight": lambda: KNeighborsClassifier(9, weights="distance", p=2),
    "k_neighbors_blocks": lambda: KNeighborsClassifier(9, p=1, algorithm="ball_tree"),
    "extra_trees": lambda: ExtraTreesClassifier(8, random_state=1),
    "catboost": boosting,
    "bent": lambda: make_pipeline(FunctionTransformer(np.arcsinh), LogisticRegression()),
}
CURVES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "logistic": lambda: LogisticRegression().fit(ROWS[:, :1], LABEL),
    "isotonic": lambda: IsotonicRegression(out_of_bounds="clip").fit(ROWS[:, 0], LABEL),
}


def fitted(*names: str) -> list[Any]:
    return [make_pipeline(StandardScaler(), MODELS[name]()).fit(ROWS, LABEL) for name in names]


def model(*names: str, curve: str = "none") -> dict[str, Any]:
    return {"model": {"members": fitted(*names), "curve": CURVES[curve]()}, "facts": FACTS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "06_models" / "shop"


@pytest.fixture
def dataset(folder: Path) -> SkopsModelDataset:
    """A dataset in a folder that does not exist yet."""
    return SkopsModelDataset(filepath=str(folder / "decline_model.skops"))


@pytest.fixture
def stored(dataset: SkopsModelDataset) -> SkopsModelDataset:
    """A stored logistic regression."""
    dataset.save(model("logistic_regression"))
    return dataset


def rewrite(folder: Path, **changes: Any) -> None:
    """Change the facts on disk; the hash is put right, unless it is changed too."""
    path = folder / "decline_model.json"
    skops_hash = hashlib.sha256((folder / "decline_model.skops").read_bytes()).hexdigest()
    paper = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(paper | {"skops_sha256": skops_hash} | changes), encoding="utf-8")


def retype(folder: Path, old: str, new: str) -> None:
    """Put another text into the tree of types, and a hash that fits."""
    path = folder / "decline_model.skops"
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in contents["schema.json"]
    contents["schema.json"] = contents["schema.json"].replace(old.encode(), new.encode())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    rewrite(folder)


def problems_of(dataset: SkopsModelDataset) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        dataset.load()
    assert "the stored model was not used" in str(caught.value)
    return caught.value.problems


def test_docstring_examples() -> None:
    result = doctest.testmod(skops_model)

    assert result.attempted >= 5
    assert result.failed == 0


class TestRoundTrip:
    @pytest.mark.parametrize("name", MODELS)
    def test_predictions_are_the_same_bytes(self, dataset: SkopsModelDataset, name: str) -> None:
        saved = model(name)

        dataset.save(saved)
        loaded = dataset.load()

        (before,), (after,) = saved["model"]["members"], loaded["model"]["members"]
        assert after.predict_proba(ROWS).tobytes() == before.predict_proba(ROWS).tobytes()
        assert loaded["model"]["curve"] is None
        assert loaded["facts"] == FACTS

    @pytest.mark.parametrize("curve", ["logistic", "isotonic"])
    def test_blend_with_a_curve(self, dataset: SkopsModelDataset, curve: str) -> None:
        saved = model("extra_trees", "catboost", curve=curve)

        dataset.save(saved)
        loaded = dataset.load()

        assert [type(member[-1]) for member in loaded["model"]["members"]] == [
            ExtraTreesClassifier,
            CatBoostClassifier,
        ]
        for before, after in zip(
            saved["model"]["members"], loaded["model"]["members"], strict=True
        ):
            assert after.predict_proba(ROWS).tobytes() == before.predict_proba(ROWS).tobytes()
        if curve == "logistic":
            before, after = (
                part["model"]["curve"].predict_proba(ROWS[:, :1]) for part in (saved, loaded)
            )
        else:
            before, after = (part["model"]["curve"].predict(ROWS[:, 0]) for part in (saved, loaded))
        assert after.tobytes() == before.tobytes()

    def test_two_files_that_people_can_look_into(
        self, stored: SkopsModelDataset, folder: Path
    ) -> None:
        assert stored.exists()
        assert {path.name for path in folder.iterdir()} == {
            "decline_model.skops",
            "decline_model.json",
        }
        text = (folder / "decline_model.json").read_text(encoding="utf-8")
        assert "сумма" in text
        paper = json.loads(text)
        assert paper["facts"] == FACTS
        assert set(paper["versions"]) == {"python", "scikit-learn", "catboost", "numpy", "skops"}
        data = (folder / "decline_model.skops").read_bytes()
        assert paper["skops_sha256"] == hashlib.sha256(data).hexdigest()
        assert json.loads(stored.preview()) == paper

    def test_saving_again_replaces_both(self, stored: SkopsModelDataset) -> None:
        stored.save(model("extra_trees") | {"facts": {"seed": 2}})

        loaded = stored.load()

        assert isinstance(loaded["model"]["members"][0][-1], ExtraTreesClassifier)
        assert loaded["facts"] == {"seed": 2}


class TestSaving:
    def test_a_run_that_dies_before_the_first_name_leaves_the_old_model(
        self, stored: SkopsModelDataset, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(skops_model.os, "fsync", fail_after(1))
        with pytest.raises(DatasetError, match="no space left"):
            stored.save(model("extra_trees"))

        assert isinstance(stored.load()["model"]["members"][0][-1], LogisticRegression)
        assert len(list(folder.iterdir())) == 2

    def test_a_run_that_dies_between_the_names_leaves_a_pair_that_is_refused(
        self, stored: SkopsModelDataset, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        replace = Path.replace
        allowed = fail_after(1)

        def replace_once(path: Path, target: Path) -> Path:
            allowed(0)
            return replace(path, target)

        monkeypatch.setattr(Path, "replace", replace_once)
        with pytest.raises(DatasetError, match="no space left"):
            stored.save(model("extra_trees"))

        (problem,) = problems_of(stored)
        assert "SHA-256" in problem
        assert len(list(folder.iterdir())) == 2

    @pytest.mark.parametrize(
        "facts",
        [{1: "key"}, {"pair": (1, 2)}, {"score": float("nan")}, {"model": object()}, ["a"], None],
    )
    def test_facts_must_be_plain_json(
        self, dataset: SkopsModelDataset, folder: Path, facts: Any
    ) -> None:
        with pytest.raises(DatasetError, match="plain JSON"):
            dataset.save(model("logistic_regression") | {"facts": facts})

        assert not folder.exists()

    def test_what_could_not_be_loaded_is_not_saved(
        self, dataset: SkopsModelDataset, folder: Path
    ) -> None:
        rounding = make_pipeline(FunctionTransformer(np.sqrt), LogisticRegression())

        with pytest.raises(DatasetError, match=r"function numpy\.sqrt.*TRUSTED_TYPES"):
            dataset.save({"model": {"members": [rounding]}, "facts": {}})

        assert not folder.exists()

    @pytest.mark.parametrize(
        "parts", [{"facts": {}}, {"model": {}, "facts": {}}, {"model": [1], "facts": {}}]
    )
    def test_a_model_is_needed(self, dataset: SkopsModelDataset, parts: dict[str, Any]) -> None:
        with pytest.raises(DatasetError, match="a model"):
            dataset.save(parts)

    def test_other_endings_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"\.skops"):
            SkopsModelDataset(filepath="model.pickle")


def fail_after(successes: int) -> Callable[[int], None]:
    """Return what works so many times, and then fails as a full disk does."""
    calls = iter(range(successes))

    def call(_: int) -> None:
        if next(calls, None) is None:
            raise OSError("no space left")

    return call


class TestRefusals:
    def test_a_changed_byte(self, stored: SkopsModelDataset, folder: Path) -> None:
        path = folder / "decline_model.skops"
        data = bytearray(path.read_bytes())
        # In the local header of the first entry: the time, which zip readers do not check.
        data[10] ^= 1
        path.write_bytes(data)

        (problem,) = problems_of(stored)
        assert "SHA-256" in problem

    def test_half_a_file(self, stored: SkopsModelDataset, folder: Path) -> None:
        path = folder / "decline_model.skops"
        path.write_bytes(path.read_bytes()[:500])

        (problem,) = problems_of(stored)
        assert "not a whole skops file" in problem

    @pytest.mark.parametrize("suffix", ["skops", "json"])
    def test_a_missing_file(self, stored: SkopsModelDataset, folder: Path, suffix: str) -> None:
        (folder / f"decline_model.{suffix}").unlink()

        assert not stored.exists()
        (problem,) = problems_of(stored)
        assert f"decline_model.{suffix} is missing" in problem

    @pytest.mark.parametrize("library", ["scikit-learn", "catboost"])
    def test_another_minor_version(
        self, dataset: SkopsModelDataset, folder: Path, library: str
    ) -> None:
        dataset.save(model("catboost"))
        versions = json.loads((folder / "decline_model.json").read_text())["versions"]
        rewrite(folder, versions=versions | {library: "0.22.1"})

        (problem,) = problems_of(dataset)
        assert f"{library} 0.22.1" in problem

    def test_a_patch_and_a_library_without_part_in_the_model_do_not_matter(
        self, stored: SkopsModelDataset, folder: Path
    ) -> None:
        versions = json.loads((folder / "decline_model.json").read_text())["versions"]
        patch = ".".join([*versions["scikit-learn"].split(".")[:2], "99"])
        changes = {"scikit-learn": patch, "catboost": "0.1", "python": "3.99.0"}
        rewrite(folder, versions=versions | changes)

        assert stored.load()["facts"] == FACTS

    @pytest.mark.parametrize("found", [2, "1", None, True])
    def test_an_unknown_format(self, stored: SkopsModelDataset, folder: Path, found: Any) -> None:
        rewrite(folder, format_version=found)

        (problem,) = problems_of(stored)
        assert "format_version" in problem

    @pytest.mark.parametrize("text", ["{", "[]", "null", "\ufeff{}", "{}"])
    def test_facts_that_are_none(self, stored: SkopsModelDataset, folder: Path, text: str) -> None:
        (folder / "decline_model.json").write_text(text, encoding="utf-8")

        assert "decline_model.json" in problems_of(stored)[0]

    def test_all_problems_at_once(self, stored: SkopsModelDataset, folder: Path) -> None:
        retype(folder, "LogisticRegression", "Nonsense")
        rewrite(folder, skops_sha256="0", versions={"scikit-learn": "0.22"}, facts="none")

        problems = problems_of(stored)

        assert len(problems) == 4
        for word in ("lacks facts", "SHA-256", "Nonsense", "scikit-learn 0.22"):
            assert any(word in problem for problem in problems)


class TestForeignTypes:
    def test_a_type_that_skops_trusts_but_this_project_does_not(
        self, stored: SkopsModelDataset, folder: Path
    ) -> None:
        retype(
            folder,
            '"__class__": "LogisticRegression",\n',
            '"__class__": "LogisticRegressionCV",\n',
        )

        (problem,) = problems_of(stored)
        assert "sklearn.linear_model._logistic.LogisticRegressionCV" in problem

    def test_a_function_is_not_called(self, folder: Path, dataset: SkopsModelDataset) -> None:
        from skops.io import dump

        mark = folder.parent / "called"
        folder.mkdir(parents=True)
        dump(
            {"members": [partial(Path.touch, mark)], "curve": None},
            folder / "decline_model.skops",
        )
        (folder / "decline_model.json").write_text("{}")
        rewrite(folder, format_version=1, facts={}, versions=skops_model._versions())

        (problem,) = problems_of(dataset)

        assert "partial by PartialNode" in problem
        assert not mark.exists()

    def test_a_trusted_name_under_an_untrusted_way_of_building(
        self, stored: SkopsModelDataset, folder: Path
    ) -> None:
        retype(folder, '"__loader__": "ListNode"', '"__loader__": "ConstructorFromReduceNode"')

        (problem,) = problems_of(stored)
        assert "builtins.list by ConstructorFromReduceNode" in problem

    def test_another_function_under_a_trusted_transformer(
        self, dataset: SkopsModelDataset, folder: Path
    ) -> None:
        dataset.save(model("bent"))
        retype(folder, '"__class__": "arcsinh"', '"__class__": "save"')

        (problem,) = problems_of(dataset)
        assert "function numpy.save" in problem

    def test_pickle_is_no_skops_file(self, stored: SkopsModelDataset, folder: Path) -> None:
        # protocol 0: call os.mkdir("called")
        folder_name = str(folder / "called")
        program = f"cos\nmkdir\n(V{folder_name}\ntR.".encode()
        (folder / "decline_model.skops").write_bytes(program)
        rewrite(folder)

        (problem,) = problems_of(stored)

        assert "not a whole skops file" in problem
        assert not (folder / "called").exists()

    def test_trusted_names_with_nonsense_below_end_in_the_same_error(
        self, stored: SkopsModelDataset, folder: Path
    ) -> None:
        retype(folder, '"key_types"', '"lost_types"')

        (problem,) = problems_of(stored)
        assert "cannot be read" in problem

    def test_nothing_trusted_can_run_code(self) -> None:
        for name in skops_model.TRUSTED_TYPES:
            module = name.split(".")[0]
            assert module in {"builtins", "catboost", "numpy", "sklearn"}
        for word in ("eval", "exec", "function", "partial", "type", "object", "getattr"):
            assert f"builtins.{word}" not in skops_model.TRUSTED_TYPES
        for loader in ("FunctionNode", "MethodNode", "PartialNode", "OperatorFuncNode"):
            assert loader not in skops_model.TRUSTED_LOADERS
