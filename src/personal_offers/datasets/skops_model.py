"""A fitted decline model in two files that can be read without running anybody's code.

``decline_model.skops`` holds the fitted estimators in the format of skops: a zip archive of
arrays and of a JSON tree that names types, built anew on load from a list of types that are
allowed; pickle has no part in it. ``decline_model.json`` beside it holds the facts: what the model
was trained on, the versions of the libraries, and the SHA-256 of the first file.

CatBoost members stay inside the skops file rather than in a ``.cbm`` beside it. Either way
CatBoost's own reader gets the same bytes of its native format, so a second file would be no safer,
and a blend in one file has one hash and cannot be put together from two trainings.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import zipfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._typing import JSONPreview

from personal_offers.errors import InputError

FORMAT_VERSION = 1

# Whatever the models of `pipelines/modelling/models.py` are made of, and nothing else. skops trusts
# all estimators of scikit-learn and more by itself; a short list leaves less to think about.
# Types that call what the file names (methods, functools.partial, operator) must never join.
TRUSTED_TYPES = frozenset(
    {
        "builtins.bool",
        "builtins.bytes",
        "builtins.dict",
        "builtins.float",
        "builtins.int",
        "builtins.list",
        "builtins.slice",
        "builtins.str",
        "builtins.tuple",
        "catboost.core.CatBoostClassifier",
        "numpy.bool",
        "numpy.dtype",
        "numpy.float32",
        "numpy.float64",
        "numpy.int32",
        "numpy.int64",
        "numpy.ndarray",
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.isotonic.IsotonicRegression",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._classification.KNeighborsClassifier",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder",
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        "sklearn.svm._classes.SVC",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.ExtraTreeClassifier",
        "sklearn.tree._tree.Tree",
    }
)
# Functions that the file may name, because a FunctionTransformer calls them: arithmetic only.
TRUSTED_FUNCTIONS = frozenset({"numpy.arcsinh"})
# How skops may build the types: from data alone.
TRUSTED_LOADERS = frozenset(
    {
        "BytesNode",
        "DTypeNode",
        "DictNode",
        "JsonNode",
        "ListNode",
        "NdArrayNode",
        "ObjectNode",
        "SliceNode",
        "TreeNode",
        "TupleNode",
        "TypeNode",
    }
)
_FUNCTION = "FunctionNode"
_CATBOOST = "catboost.core.CatBoostClassifier"
_LIBRARIES = ("scikit-learn", "catboost", "numpy", "skops")
_PARTS = ("model", "facts")
_AGAIN = "train the model again (stage modelling)"
_NOT_USED = "the stored model was not used"


class UnusableModelError(InputError, DatasetError):
    """A stored model that must not be used; Kedro passes a DatasetError on as it is."""


class SkopsModelDataset(AbstractDataset[dict[str, Any], dict[str, Any]]):
    """A decline model as a ``.skops`` file with its facts as JSON beside it.

    It saves and loads ``{"model": {...}, "facts": {...}}``: fitted estimators by name, in lists
    where there are several, with plain values beside them where the model has any; and a mapping
    that JSON can hold. A shop without a model stores ``{}`` and the reason under ``withheld`` of
    its facts, so that no older model stays behind. Local files only.

    The hash finds files that are damaged or do not belong together. It is no signature: whoever
    can write one file can write both. Against such a person stand the lists of trusted types.

    YAML:

    ```yaml
    decline_model:
      type: personal_offers.datasets.SkopsModelDataset
      filepath: data/06_models/shop/decline_model.skops
    ```

    Python:

    >>> import tempfile
    >>> from sklearn.isotonic import IsotonicRegression
    >>> curve = IsotonicRegression().fit([0.0, 1.0], [0, 1])
    >>> dataset = SkopsModelDataset(filepath=tempfile.mkdtemp() + "/decline_model.skops")
    >>> dataset.save({"model": {"curve": curve}, "facts": {"seed": 1}})
    >>> dataset.load()["facts"]
    {'seed': 1}
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Point to a stored model.

        Args:
            filepath: The ``.skops`` file; the facts stand beside it under the same name with
                ``.json``. Missing folders are made on save.
            metadata: For plugins; not used here.

        Raises:
            ValueError: When the file is not called ``.skops``.
        """
        self._estimators = Path(filepath)
        if self._estimators.suffix != ".skops":
            raise ValueError(f"{filepath}: the file of a model ends in .skops")
        self._facts = self._estimators.with_suffix(".json")
        self.metadata = metadata

    def load(self) -> dict[str, Any]:
        """Read the model, after everything that speaks against it was looked for.

        Returns:
            What was saved.

        Raises:
            UnusableModelError: An InputError, naming every reason at once: a file is missing or
                broken, the format or a version (major.minor of scikit-learn, or of CatBoost
                where it is in the model) is another one, the hash differs, or a type is asked
                for that is not trusted.
        """
        from skops.io import get_untrusted_types, loads

        problems, paper = self._read_facts()
        if not self._estimators.is_file():
            problems.append(f"{self._estimators} is missing: {_AGAIN}")
            raise UnusableModelError(problems, _NOT_USED)
        data = self._estimators.read_bytes()
        try:
            names = _names_in(data)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, KeyError, ValueError, RecursionError):
            problems.append(f"{self._estimators} is not a whole skops file: {_AGAIN}")
            raise UnusableModelError(problems, _NOT_USED) from None
        problems += self._file_problems(data, names, paper)
        if problems:
            raise UnusableModelError(problems, _NOT_USED)
        try:
            # Only what skops does not trust by itself, because each node accepts all of these.
            further = TRUSTED_TYPES.intersection(get_untrusted_types(data=data))
            model = dict(loads(data, trusted=sorted(further)))
        except Exception as error:  # a file with trusted names may hold any nonsense below them
            reason = f"{self._estimators} cannot be read ({error}): {_AGAIN}"
            raise UnusableModelError([reason], _NOT_USED) from error
        return {"model": model, "facts": paper["facts"]}

    def save(self, data: dict[str, Any]) -> None:
        """Write both files; each appears whole or not at all.

        Both are complete on disk before the first takes its name. Should the run die between the
        two names, the hash does not fit and ``load`` refuses the pair.

        Raises:
            DatasetError: When a part is missing, an estimator holds a type that could not be
                loaded again, or the facts are not plain JSON.
        """
        from skops.io import dumps

        if set(data) != set(_PARTS):
            raise DatasetError(f"a model has {', '.join(_PARTS)}, not {', '.join(sorted(data))}")
        facts = _as_json(data["facts"])
        if not isinstance(data["model"], dict) or not (data["model"] or facts.get("withheld")):
            raise DatasetError("a model is a dictionary of its parts; facts say why there is none")
        stored = dumps(data["model"], compression=zipfile.ZIP_DEFLATED)
        if foreign := _foreign(_names_in(stored)):
            raise DatasetError(
                f"the model holds what load would refuse: {', '.join(foreign)}; if it is harmless, "
                "add it to TRUSTED_TYPES of personal_offers/datasets/skops_model.py"
            )
        paper = {
            "format_version": FORMAT_VERSION,
            "skops_sha256": hashlib.sha256(stored).hexdigest(),
            "versions": _versions(),
            "facts": facts,
        }
        text = json.dumps(paper, indent=2, ensure_ascii=False, sort_keys=True)
        self._estimators.parent.mkdir(parents=True, exist_ok=True)
        _replace({self._estimators: stored, self._facts: f"{text}\n".encode()})

    def preview(self) -> JSONPreview:
        """Return the facts in the form that Kedro-Viz draws; they are read, the model is not."""
        return JSONPreview(self._facts.read_text(encoding="utf-8"))

    def _exists(self) -> bool:
        return self._estimators.is_file() and self._facts.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._estimators), "facts": str(self._facts)}

    def _read_facts(self) -> tuple[list[str], dict[str, Any]]:
        """Return what is wrong with the JSON file, and what it says."""
        if not self._facts.is_file():
            return [f"{self._facts} is missing: {_AGAIN}"], {}
        try:
            paper = json.loads(self._facts.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            return [f"{self._facts} is not JSON ({error}): {_AGAIN}"], {}
        if not isinstance(paper, dict):
            return [f"{self._facts} holds no facts: {_AGAIN}"], {}
        found = paper.get("format_version")
        if found != FORMAT_VERSION or isinstance(found, bool):
            problem = f"format_version is {found!r}, this release reads {FORMAT_VERSION}: {_AGAIN}"
            return [f"{self._facts}: {problem}"], paper
        lacking = [name for name in ("facts", "versions") if not isinstance(paper.get(name), dict)]
        return [f"{self._facts} lacks {name}: {_AGAIN}" for name in lacking], paper

    def _file_problems(
        self, data: bytes, names: set[tuple[str, str]], paper: Mapping[str, Any]
    ) -> list[str]:
        """Return what speaks against the estimators, one sentence each."""
        problems = []
        if paper and paper.get("skops_sha256") != hashlib.sha256(data).hexdigest():
            problems.append(
                f"{self._estimators} is not the file that {self._facts.name} describes (its "
                f"SHA-256 differs): restore both files from one training, or {_AGAIN}"
            )
        if foreign := _foreign(names):
            problems.append(
                f"{self._estimators} asks for types that are not trusted "
                f"({', '.join(foreign)}): do not use it unless you know who made it, and {_AGAIN}"
            )
        versions = paper.get("versions")
        if not isinstance(versions, dict):
            return problems
        matter = ["scikit-learn"] + ["catboost"] * any(name == _CATBOOST for name, _ in names)
        for library in matter:
            then, now = str(versions.get(library)), version(library)
            if then.split(".")[:2] != now.split(".")[:2]:
                problems.append(
                    f"{self._facts}: the model was trained with {library} {then}, here is {now}: "
                    f"install {library} {then}, or {_AGAIN}"
                )
        return problems


def _versions() -> dict[str, str]:
    """Return the versions that a model depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}


def _as_json(facts: Any) -> Any:
    """Return the facts as they will be read.

    Raises:
        DatasetError: When JSON would change or refuse them.
    """
    try:
        read = json.loads(json.dumps(facts, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DatasetError(f"the facts are not plain JSON: {error}") from error
    if not isinstance(facts, dict) or read != facts:
        raise DatasetError("the facts are not plain JSON: texts as keys, lists, no tuples")
    return read


def _names_in(data: bytes) -> set[tuple[str, str]]:
    """Return the types that a skops file names, each with the loader it names; builds nothing."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read("schema.json"))
    return set(_walk(schema))


def _walk(node: Any) -> Iterator[tuple[str, str]]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "__class__" in node or "__module__" in node or "__loader__" in node:
                name = f"{node.get('__module__')}.{node.get('__class__')}"
                yield name, str(node.get("__loader__"))
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _foreign(names: set[tuple[str, str]]) -> list[str]:
    """Return what is not trusted: types, and ways to build them."""
    found = []
    for name, loader in sorted(names):
        if loader == _FUNCTION and name not in TRUSTED_FUNCTIONS:
            found.append(f"function {name}")
        elif loader not in TRUSTED_LOADERS | {_FUNCTION}:
            found.append(f"{name} by {loader}")
        elif loader != _FUNCTION and name not in TRUSTED_TYPES:
            found.append(name)
    return found


def _replace(contents: Mapping[Path, bytes]) -> None:
    """Write all files under other names, then give them their own, one after the other."""
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in contents}
    try:
        for path, content in contents.items():
            with parts[path].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
