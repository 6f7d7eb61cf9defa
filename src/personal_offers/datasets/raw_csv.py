"""Raw CSV files as they come: every cell stays text, and nothing is guessed about its meaning.

Shops export the same table in different forms (separator, encoding, byte-order mark, line
ends, order of columns). The form is found here, so that no node has to care; what the cells
mean, and whether they are right, is the business of ``data_processing``.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from kedro.io import DatasetError
from kedro_datasets._typing import TablePreview
from pyarrow import csv as arrow_csv

from personal_offers.datasets.engine_file import EngineFileDataset

_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 21
_BLOCKS_AT_ONCE = 16  # 32 MB of text go to the engine in one statement
_MAX_HEADER_BYTES = 1 << 20
_MAX_EXAMPLES = 5
_MAX_REASON = 200
_OUTER_SPACE = " \t\r\n\u00a0"
_ROW_NUMBER = "row_number"  # numbers the rows here; a column of this name gets another one
_NO_ROWS = "the file has a header but no rows; export it again"


@dataclass(frozen=True)
class RawTable:
    """One raw file, or the reason why it cannot be read.

    Loading never fails on bad content: the intake reports the problems of *all* files at
    once, which it could not do if the first broken file ended the run.

    Attributes:
        file: Path as configured, for messages.
        rows: Grain: one row per data row of the file. Column ``row_number`` (int64, the first
            row under the header is 1) and one text column per header; outer white space is
            trimmed unless the dataset has ``trim: false``, and an empty cell is null. None when
            the file cannot be read, or is optional and not there.
        problems: What is wrong with the file as a file; empty when it could be read whole, or
            is optional and not there.
        encoding: The encoding that it was read in.
    """

    file: str
    rows: ir.Table | None
    problems: tuple[str, ...] = ()
    encoding: str = "utf-8"


class _UnreadableError(Exception):
    """The file cannot be turned into rows; the text says why and what to do."""


class RawCSVDataset(EngineFileDataset):
    r"""A delimited text file as an Ibis table of text columns, whatever form it has.

    The encoding is the first of ``encodings`` in which the whole file can be read; the
    separator is the one of ``delimiters`` that gives the header most columns. Arrow parses the
    file: it knows all encodings and both kinds of line ends, lists ragged lines, and is faster
    than DuckDB at it. The engine takes the rows block by block, so that a file may be larger
    than the memory.

    On Spark, Spark itself parses the file. Two things differ then: CRLF inside a quoted cell
    becomes LF, and with ``newlines_in_cells: false`` a line of nothing but white space is passed
    over, neither told as a ragged line nor counted by ``row_number``.

    YAML:

    ```yaml
    money:
      type: personal_offers.datasets.RawCSVDataset
      filepath: data/01_raw/shop/money.csv
      connection: ${_connection}
    ```

    Python:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "money.csv"
    >>> _ = path.write_bytes("id;Прибыль\r\n1;4,16\r\n".encode("cp1251"))
    >>> RawCSVDataset(filepath=str(path)).load().rows.to_pandas().to_dict("records")
    [{'row_number': 1, 'id': '1', 'Прибыль': '4,16'}]
    """

    def __init__(
        self,
        *,
        filepath: str,
        encodings: Sequence[str] = ("utf-8", "utf-16", "cp1251"),
        delimiters: Sequence[str] = (",", ";", "\t"),
        trim: bool = True,
        optional: bool = False,
        newlines_in_cells: bool = True,
        **kwargs: Any,
    ) -> None:
        """Point to a raw file.

        Args:
            filepath: The file; ``.gz`` is unpacked.
            encodings: Tried in this order; single-byte encodings accept almost anything, so
                they come last.
            delimiters: Separators to choose from.
            trim: Whether outer white space of cells is taken away. ``false`` where an intake
                counts it.
            optional: Whether a missing file is no problem: its table has neither rows nor
                problems.
            newlines_in_cells: Whether a quoted cell may hold a line end. On Spark, ``false`` lets
                many machines read one file; DuckDB reads such cells in any case.
            **kwargs: As in ``kedro_datasets.ibis.FileDataset`` (metadata, …); ``connection`` as in
                ``personal_offers.engines.connect``.
        """
        super().__init__(filepath, file_format="csv", **kwargs)
        self._optional = optional
        self._newlines_in_cells = newlines_in_cells
        self._encodings = tuple(encodings)
        self._delimiters = tuple(delimiters)
        self._trim = trim
        self._read_before: tuple[Any, RawTable] | None = None

    def load(self) -> RawTable:
        """Read the file.

        Returns:
            The rows, or the problems that prevent reading them (never an exception for what
            is wrong with the file itself).
        """
        path = Path(self._fs_prefix + str(self._get_load_path()))
        if self._optional and not path.exists():
            return RawTable(str(path), None)
        # Several nodes load one file; only one that changed is parsed and copied again.
        state = _state(path), self.connection
        if self._read_before is None or self._read_before[0] != state:
            self._read_before = state, self._read_file(path)
        return self._read_before[1]

    def _read_file(self, path: Path) -> RawTable:
        try:
            if not path.is_file():
                raise _UnreadableError(
                    "the file is missing; put it there or name its folder with "
                    "--params raw_dir=FOLDER (which holds one folder per shop)"
                )
            if self._on_spark:
                encoding, rows, problems = self._read_on_spark(path)
            else:
                encoding, rows, problems = self._read(path)
        except _UnreadableError as error:
            return RawTable(str(path), None, (str(error),))
        except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowInvalid) as error:
            reason = str(error).splitlines()[0][:_MAX_REASON]
            problem = f"the file cannot be read ({reason}); copy or export it again"
            return RawTable(str(path), None, (problem,))
        return RawTable(str(path), rows, tuple(problems), encoding)

    def save(self, data: Any) -> NoReturn:
        """Refuse: raw files are read only.

        Raises:
            DatasetError: Always.
        """
        raise DatasetError("raw files are read only: the sample is written by `sample_data`")

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows as text, in the form that Kedro-Viz draws."""
        rows = self.load().rows
        if rows is None:
            return TablePreview({"index": [], "columns": [], "data": []})
        frame = rows.order_by(_ROW_NUMBER).limit(nrows).to_pandas()
        return TablePreview(json.loads(frame.to_json(orient="split", force_ascii=False)))

    def _read(self, path: Path) -> tuple[str, ir.Table, list[str]]:
        """Return the encoding, the rows and the problems of a file."""
        # Most files are UTF-8: reading one shows whether it is, without a pass to find out.
        if self._encodings[0] == "utf-8" and not _has_utf16_mark(path):
            try:
                return "utf-8", *self._read_rows(path, "utf-8")
            except (_UnreadableError, UnicodeDecodeError, pa.ArrowInvalid):
                pass  # the encoding decides which message is the right one
        encoding = self._detect_encoding(path)
        return encoding, *self._read_rows(path, encoding)

    def _detect_encoding(self, path: Path) -> str:
        """Return the first encoding in which every byte of the file can be read."""
        for encoding in self._encodings:
            # Two bytes of any text are valid UTF-16, so it counts only with its own mark.
            if encoding == "utf-16" and not _has_utf16_mark(path):
                continue
            if _decodes(path, encoding):
                return encoding
        raise _UnreadableError(
            f"the text is in none of the encodings {', '.join(self._encodings)}; "
            "save it as UTF-8 or add its encoding to `encodings:` in the catalog"
        )

    def _read_header(self, path: Path, encoding: str) -> tuple[list[str], str, bool]:
        """Return the trimmed column names, the separator, and whether anything follows."""
        with _open_bytes(path) as stream:
            # Incremental, because the last character may be cut in half.
            text = codecs.getincrementaldecoder(encoding)().decode(stream.read(_MAX_HEADER_BYTES))
        lines = text.lstrip("\ufeff").splitlines(keepends=True)
        if not "".join(lines).strip():
            raise _UnreadableError("the file is empty; export it again")
        if "\0" in lines[0]:
            raise _UnreadableError(
                "the header holds zero bytes, as UTF-16 without its mark does; save it as UTF-8"
            )
        if not lines[0].strip():
            raise _UnreadableError("the first line is empty; it must be the header")
        found = [(next(csv.reader([lines[0]], delimiter=d)), d) for d in self._delimiters]
        header, delimiter = max(found, key=lambda pair: len(pair[0]))
        has_rows = len(lines) > 1 or len(text) >= _MAX_HEADER_BYTES
        return _column_names(header), delimiter, has_rows

    def _read_rows(self, path: Path, encoding: str) -> tuple[ir.Table, list[str]]:
        """Parse the file; return its rows (see ``RawTable.rows``) and its problems."""
        header, delimiter, has_rows = self._read_header(path, encoding)
        ragged: list[Any] = []

        def remember(row: Any) -> str:
            ragged.append(row)
            return "skip"

        # The stream's own thread unpacks the next block while this one is parsed.
        with pa.input_stream(str(path), compression="detect") as stream:
            blocks = arrow_csv.open_csv(
                stream,
                arrow_csv.ReadOptions(
                    use_threads=False,  # only then does a ragged line know its number
                    block_size=_BLOCK_BYTES,
                    encoding=encoding,
                    column_names=header,
                    skip_rows=int(has_rows),  # Arrow cannot skip the only line there is
                ),
                arrow_csv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=remember
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(header, "string"),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
            cells = self._cells(blocks if has_rows else [], header, ragged)
            rows, count = self._in_engine(self._table_of(path), header, cells)
        lost = _ragged_problem(ragged, header, len(ragged))
        return rows, lost + ([] if count else [_NO_ROWS])

    def _cells(
        self, blocks: Iterable[pa.RecordBatch], header: list[str], ragged: Sequence[Any]
    ) -> Iterator[pa.RecordBatch]:
        """Trim and number the rows, block by block; ``ragged`` grows while blocks are parsed."""
        before = 0
        for block in blocks:
            columns = [_trimmed(cells) for cells in block.columns] if self._trim else block.columns
            numbers = pa.array(_row_numbers(before, len(block), ragged))
            before += len(block)
            yield pa.RecordBatch.from_arrays([numbers, *columns], [_ROW_NUMBER, *header])

    def _read_on_spark(self, path: Path) -> tuple[str, ir.Table, list[str]]:
        """Let Spark parse the file: it may be larger than the memory of the driver."""
        from personal_offers.datasets.spark_csv import TextForm, read_cells

        encoding = self._detect_encoding(path)
        header, delimiter, _ = self._read_header(path, encoding)
        form = TextForm(
            header=header,
            delimiter=delimiter,
            encoding=encoding,
            trim=_OUTER_SPACE if self._trim else None,
            newlines_in_cells=self._newlines_in_cells,
        )
        cells = read_cells(cast(Any, self.connection)._session, path, form, _ROW_NUMBER)
        cells.rows.createOrReplaceTempView(self._table_of(path))
        ragged = [_Ragged(row + 1, text) for row, text in cells.examples]
        problems = _ragged_problem(ragged, header, cells.ragged)
        problems += [] if cells.count else [_NO_ROWS]
        return encoding, self.connection.table(self._table_of(path)), problems

    def _table_of(self, path: Path) -> str:
        """Return the engine's name for what is read: another way of reading is another table."""
        way = (str(path.resolve()), self._encodings, self._delimiters, self._trim)
        return "raw_" + hashlib.sha256(repr(way).encode()).hexdigest()[:16]

    def _in_engine(
        self, name: str, header: list[str], cells: Iterator[pa.RecordBatch]
    ) -> tuple[ir.Table, int]:
        """Hand the rows to the engine, which puts into its spill folder what it cannot hold."""
        engine = cast(Any, self.connection).con  # DuckDB's own
        schema = pa.schema([(_ROW_NUMBER, pa.int64()), *((n, pa.string()) for n in header)])
        some = f"{name}_some"
        count, statement = 0, f"CREATE OR REPLACE TEMP TABLE {name} AS FROM {some}"
        # Some blocks at a time: given a stream, DuckDB keeps many that it has copied already.
        for blocks in chain([[]], iter(lambda: list(islice(cells, _BLOCKS_AT_ONCE)), [])):
            engine.register(some, pa.Table.from_batches(blocks, schema))
            engine.execute(statement)
            engine.unregister(some)
            statement = f"INSERT INTO {name} FROM {some}"
            count += sum(map(len, blocks))
        return self.connection.table(name), count


def _state(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file does; None when there is none."""
    if not path.is_file():
        return None
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _column_names(header: Sequence[str]) -> list[str]:
    """Trim the names, and name what has none (a separator at the end of each line)."""
    names = [name.strip() or f"unnamed_{i}" for i, name in enumerate(header, start=1)]
    # Table engines ignore case in names, so "id" and "ID" cannot both be read.
    names = [f"{name}_1" if name.casefold() == _ROW_NUMBER else name for name in names]
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if twice:
        raise _UnreadableError(
            f"several columns have the same name: {', '.join(map(repr, twice))} (case aside); "
            "rename all but one"
        )
    return names


def _row_numbers(
    before: int, count: int, ragged: Sequence[Any]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Number parsed rows; those below a ragged line keep the number they have in the file."""
    numbers = np.arange(before + 1, before + count + 1, dtype=np.int64)
    # The j-th ragged data row (from 0) at place p comes before parsed row k when p - j <= k.
    places = np.sort(np.array([row.number - 1 for row in ragged], dtype=np.int64))
    shifts = places - np.arange(len(places))
    return numbers + np.searchsorted(shifts, numbers, side="right")


def _trimmed(cells: pa.Array) -> pa.Array:
    trimmed = pc.utf8_trim(cells, characters=_OUTER_SPACE)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, "string"), trimmed)


@dataclass(frozen=True)
class _Ragged:
    """A line with another number of cells than the header: its number in the file, its text."""

    number: int
    text: str


def _ragged_problem(rows: Sequence[Any], header: list[str], count: int) -> list[str]:
    if not count:
        return []
    examples = "; ".join(f"line {row.number}: {row.text[:60]!r}" for row in rows[:_MAX_EXAMPLES])
    return [
        f"{count} line(s) do not have the {len(header)} columns of the header ({examples}): "
        "mend them or quote the cells that hold a separator"
    ]


def _has_utf16_mark(path: Path) -> bool:
    with _open_bytes(path) as stream:
        return stream.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _open_bytes(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    with _open_bytes(path) as stream:
        try:
            while chunk := stream.read(_CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def as_text_table(rows: Sequence[dict[str, str | None]]) -> ir.Table:
    """Make the table of a ``RawTable`` from hand-made rows, for tests.

    Args:
        rows: Header to cell, one dictionary per row, at least one row.

    Returns:
        One row per dictionary, text columns and ``row_number``.
    """
    columns = dict.fromkeys(rows[0], "string")
    table = ibis.memtable(
        [{"row_number": n, **row} for n, row in enumerate(rows, start=1)],
        schema={"row_number": "int64", **columns},
    )
    return table
