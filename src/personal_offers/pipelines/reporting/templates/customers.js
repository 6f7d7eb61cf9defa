"use strict";
// Customers: found, filtered, sorted, fifty at a time, with their reasons.
Report.widgets.set("customers", (place, data) => {
  const { texts, element, fill, number, customers, newId } = Report;
  const PER_PAGE = 50;
  const columns = data.columns.map((column) => reader(column, data.values[column.key]));
  const size = data.shown;
  const searched = Array.from({ length: size }, (_, row) =>
    String(columns[0].raw(row) ?? "").toLowerCase());
  let sorting = { column: null, descending: false };
  let hits = ordered();
  let page = 0;

  // A column: what stands in a row, how it is written, and the rows in its order (made once).
  function reader(column, values) {
    const isCoded = values !== null && !Array.isArray(values);
    const raw = isCoded
      ? (row) => (values.codes[row] < 0 ? null : values.labels[values.codes[row]])
      : (row) => values[row];
    return { ...column, values, isCoded, raw, text: (row) => written(raw(row), column), order: null };
  }

  function written(value, column) {
    if (value === null || value === undefined) return Report.NOTHING;
    if (typeof value !== "number") return String(value);
    if (column.form === "share") return Report.percent(value);
    if (column.form === "text") return Report.plain(value);
    if (column.form === "whole") return number(value);
    const text = number(value, column.decimals ?? 0);
    return column.form === "money" ? Report.unit(text, data.currency) : text;
  }

  // What rows are sorted by: numbers as they are, labels by their place in the alphabet, other
  // texts as they are, or as numbers where all are. Null where a row has nothing.
  function keysOf({ isCoded, values }) {
    if (isCoded) {
      const places = placesOf(values.labels);
      return values.codes.map((code) => (code < 0 ? null : places[code]));
    }
    const lacks = (value) => value === null || value === undefined || value === "";
    const isNumeric = values.every((value) => lacks(value) || !Number.isNaN(Number(value)));
    return values.map((value) => (lacks(value) ? null : isNumeric ? Number(value) : String(value)));
  }

  function placesOf(labels) {
    const collator = new Intl.Collator(Report.language, { numeric: true });
    const order = labels.map((_, i) => i).sort((a, b) => collator.compare(labels[a], labels[b]));
    const places = [];
    order.forEach((code, i) => { places[code] = i; });
    return places;
  }

  // Rows in the order of a column, and those without a value. Only the keys are sorted, without
  // a function of ours, and rows then dealt to their places: ten times as fast.
  function orderOf(column) {
    const keys = keysOf(column);
    const filled = keys.filter((key) => key !== null);
    const sorted = typeof filled[0] === "number" ? Float64Array.from(filled).sort() : filled.sort();
    const places = new Map();
    for (let place = 0; place < sorted.length; place += 1) {
      if (!places.has(sorted[place])) places.set(sorted[place], place);
    }
    const known = new Uint32Array(sorted.length), unknown = [];
    for (let row = 0; row < size; row += 1) {
      const key = keys[row];
      if (key === null) {
        unknown.push(row);
      } else {
        const place = places.get(key);
        known[place] = row;
        places.set(key, place + 1);
      }
    }
    return { known, unknown };
  }

  function ordered() {
    const rows = new Uint32Array(size);
    const { column, descending } = sorting;
    if (!column) {
      for (let row = 0; row < size; row += 1) rows[row] = row;
      return rows;
    }
    column.order ??= orderOf(column);
    const { known, unknown } = column.order;
    rows.set(descending ? known.slice().reverse() : known);
    rows.set(unknown, known.length); // last in either direction
    return rows;
  }

  function filterRows() {
    const wanted = search.value.trim().toLowerCase();
    const chosen = filters.filter((each) => each.select.value !== "")
      .map(({ column, select }) => column.test(select.value));
    hits = ordered().filter((row) =>
      (wanted === "" || searched[row].includes(wanted)) && chosen.every((test) => test(row)));
    page = 0;
    show();
  }

  // Controls
  const searchId = newId("search");
  const search = element("input", { type: "search", id: searchId, autocomplete: "off",
    spellcheck: "false" });
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filterRows, 120);
  });
  const filters = columns.filter((column) => column.filter).map(filterOf);
  const clear = element("button", { type: "button", onclick: () => {
    search.value = "";
    for (const { select } of filters) select.value = "";
    filterRows();
  } }, texts.clear);

  function filterOf(column) {
    const labels = column.isCoded ? column.values.labels
      : [...new Set(column.values.filter((value) => value !== null))].sort();
    const id = newId("filter");
    const select = element("select", { id, "data-filter": column.key },
      element("option", { value: "" }, texts.any));
    labels.forEach((label, i) => select.append(
      element("option", { value: i }, column.isCoded ? String(label) : written(label, column))));
    const lacks = column.isCoded ? column.values.codes.includes(-1) : column.values.includes(null);
    if (lacks) select.append(element("option", { value: "none" }, texts.none));
    select.addEventListener("change", filterRows);
    column.test = (value) => {
      if (column.isCoded) {
        const code = value === "none" ? -1 : Number(value), codes = column.values.codes;
        return (row) => codes[row] === code;
      }
      const wanted = value === "none" ? null : labels[Number(value)];
      return (row) => column.values[row] === wanted;
    };
    const field = element("div", { class: "field small" },
      element("label", { for: id }, column.label), select);
    return { column, select, field };
  }

  // Table
  const heads = columns.map((column) => {
    const button = element("button", { type: "button", title: fill(texts.sort, { column: column.label }),
      onclick: () => sortBy(column) }, column.label);
    const head = element("th", { scope: "col", class: isText(column) ? room(column) : "number" },
      button);
    column.head = head;
    return head;
  });
  const hasReasons = data.detail.length > 0;
  if (hasReasons) heads.push(element("th", { scope: "col" }, texts.why));
  const body = element("tbody");
  const table = element("table", { class: columns.length > 6 ? "people dense" : "people" },
    element("thead", {}, element("tr", {}, ...heads)), body);
  const found = element("p", { class: "state", role: "status" });
  const nobody = element("p", {}, texts.nobody);
  const where = element("span", { role: "status" });
  const previous = element("button", { type: "button", onclick: () => turn(-1) }, texts.previous);
  const next = element("button", { type: "button", onclick: () => turn(1) }, texts.next_page);
  const honest = data.shown < data.total
    ? fill(texts.shown, { shown: customers(data.shown), total: number(data.total), order: data.order })
    : fill(texts.shown_all, { total: customers(data.total) });
  const scroller = Report.scrolling(texts.table, table);
  place.append(
    element("p", { class: "quiet" }, honest),
    element("div", { class: "fields searching" },
      element("div", { class: "field small search" },
        element("label", { for: searchId }, texts.search), search),
      ...filters.map((each) => each.field), element("div", {}, clear)),
    found, scroller, nobody,
    element("nav", { class: "pages", "aria-label": texts.pages }, previous, where, next));
  show();

  // Texts that may be long get more room.
  function room(column) {
    return column.isCoded && column.values.labels.some((label) => label.length > 12) ? "short" : null;
  }

  function isText(column) {
    return column.form === "text";
  }

  function sortBy(column) {
    const again = sorting.column === column;
    // Numbers are asked for from the top, names from the beginning.
    sorting = { column, descending: again ? !sorting.descending : !isText(column) };
    for (const each of columns) each.head.removeAttribute("aria-sort");
    column.head.setAttribute("aria-sort", sorting.descending ? "descending" : "ascending");
    filterRows();
  }

  function turn(step) {
    page += step;
    show();
    table.scrollIntoView({ block: "nearest" });
  }

  function show() {
    const from = page * PER_PAGE, to = Math.min(from + PER_PAGE, hits.length);
    body.replaceChildren(...[...hits.subarray(from, to)].map(rowOf));
    found.textContent = fill(texts.found, { count: customers(hits.length) });
    where.textContent = hits.length ? fill(texts.page,
      { from: number(from + 1), to: number(to), count: number(hits.length) }) : "";
    previous.disabled = page === 0;
    next.disabled = to >= hits.length;
    scroller.hidden = hits.length === 0;
    nobody.hidden = hits.length > 0;
  }

  function rowOf(row) {
    const cells = columns.map((column, i) => {
      if (!isText(column)) return element("td", { class: "number" }, column.text(row));
      const text = element("bdi", {}, column.text(row));
      return i === 0 ? element("th", { scope: "row" }, text) : element("td", {}, text);
    });
    const line = element("tr", {}, ...cells);
    if (hasReasons) line.append(element("td", {}, opener(row, line)));
    return line;
  }

  function opener(row, line) {
    const name = fill(texts.why_of, { id: columns[0].text(row) });
    const button = element("button", { type: "button", "aria-expanded": "false", "aria-label": name },
      texts.why);
    button.addEventListener("click", () => {
      const isOpen = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!isOpen));
      if (isOpen) line.nextElementSibling.remove();
      else line.after(element("tr", {}, element("td",
        { class: "more", colspan: columns.length + 1 }, reasons(row))));
    });
    return button;
  }

  function reasons(row) {
    const list = element("dl");
    for (const { key, label } of data.detail) {
      const text = data.details[key]?.[row];
      if (text) list.append(element("dt", {}, label), element("dd", {}, text));
    }
    return list.children.length ? list : element("p", {}, texts.no_reasons);
  }
});
