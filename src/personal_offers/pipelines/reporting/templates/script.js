"use strict";
// What all parts of the page share: numbers and words of its language, elements, data, paper.
const Report = (() => {
  const language = document.documentElement.lang;
  const texts = JSON.parse(document.getElementById("page-texts").textContent);
  const NARROW = 60 * 16;
  const THIN = "\u202f", SPACE = "\u00a0", MINUS = "\u2212", NOTHING = "—";

  // Numbers, written as Python writes them on this page (figure_style.py).

  // Python rounds a half to the even digit and looks at the exact binary value. So does toFixed,
  // except that it takes the larger neighbour of an exact half.
  function rounded(size, decimals) {
    const exact = size.toFixed(decimals + 25);
    const isHalf = exact.endsWith("5" + "0".repeat(24));
    const below = exact.slice(0, -25).replace(/\.$/, "");
    return isHalf && Number(below.at(-1)) % 2 === 0 ? below : size.toFixed(decimals);
  }

  const formats = new Map();
  function format(decimals) {
    if (!formats.has(decimals)) {
      const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
      formats.set(decimals, new Intl.NumberFormat(language, digits));
    }
    return formats.get(decimals);
  }

  function number(value, decimals = 0) {
    const text = rounded(Math.abs(value), decimals);
    const parts = format(decimals).formatToParts(Number(text));
    const written = parts.map((part) =>
      part.type === "group" && language === "ru" ? THIN : part.value).join("");
    return value < 0 && Number(text) !== 0 ? MINUS + written : written;
  }

  function significant(value, digits = 3) {
    const size = value ? Number(value.toExponential().split("e")[1]) : 0;
    return number(value, Math.max(digits - 1 - size, 0));
  }

  function percent(share) {
    const hundredths = share * 100;
    return number(hundredths, Math.abs(hundredths) >= 10 ? 0 : 1) + "%";
  }

  // A number as it was given: 0.5, not 0.50.
  function plain(value) {
    const text = String(Number(value.toPrecision(10)));
    return number(value, (text.split(".")[1] || "").length);
  }

  const unit = (text, name) => (name ? text + SPACE + name : text);
  const plurals = new Intl.PluralRules(language);
  const customers = (count) =>
    number(count) + SPACE + texts[`customer_${plurals.select(count)}`];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

  // Elements. Texts become text nodes only, so no text can become HTML.
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === false || value === null || value === undefined) continue;
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  let made = 0;
  const newId = (name) => `${name}-${(made += 1)}`;

  // A labelled slider over the places of a list, with what stands there beside its label.
  function slider(label, last, place, moved) {
    const id = newId("slider");
    const shown = element("output", { for: id });
    const input = element("input", { type: "range", id, min: 0, max: last, step: 1, value: place });
    input.value = place;
    input.addEventListener("input", moved);
    const field = element("div", { class: "field" },
      element("label", { for: id }, label, ": ", shown), input);
    return {
      field, input,
      get place() { return Number(input.value); },
      say(text) { shown.textContent = text; input.setAttribute("aria-valuetext", text); },
    };
  }

  function scrolling(label, table) {
    return element("div", { class: "scroll", role: "region", "aria-label": label }, table);
  }

  // Data. Large ones are packed: gzip inside Base64.
  async function data(id) {
    const source = document.getElementById(id);
    if (source.type === "application/json") return JSON.parse(source.textContent);
    if (typeof DecompressionStream === "undefined") throw new Error(texts.old_browser);
    const bytes = Uint8Array.from(atob(source.textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  function failed(place, error) {
    place.append(element("p", { class: "failed" }, fill(texts.failed, { reason: error.message })));
    throw error;
  }

  // Paper: everything drawn to the width of the page and everything unfolded.
  let unfolded = [];
  function beforePrint() {
    if (document.body.dataset.printing !== undefined) return;
    document.body.dataset.printing = "";
    unfolded = [...document.querySelectorAll("details:not([open])")];
    for (const each of unfolded) each.open = true;
    Report.figures.toPaper();
  }

  function afterPrint() {
    if (document.body.dataset.printing === undefined) return;
    delete document.body.dataset.printing;
    for (const each of unfolded) each.open = false;
    unfolded = [];
    Report.figures.toScreen();
  }

  function watchPrinting() {
    window.addEventListener("beforeprint", beforePrint);
    window.addEventListener("afterprint", afterPrint);
    window.matchMedia("print").addEventListener("change", (event) =>
      event.matches ? beforePrint() : afterPrint());
  }

  // Contents: closed on narrow screens, and the chapter in view is marked.
  function watchContents() {
    const contents = document.querySelector(".contents");
    if (!contents) return;
    contents.firstElementChild.open = window.innerWidth > NARROW;
    const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
    const inView = new Set();
    const marks = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (isIntersecting) inView.add(target.id);
        else inView.delete(target.id);
      }
      const first = [...links.keys()].find((name) => inView.has(name));
      for (const [name, link] of links) {
        if (name === first) link.setAttribute("aria-current", "true");
        else if (first) link.removeAttribute("aria-current");
      }
    }, { rootMargin: "-10% 0px -70% 0px" });
    for (const chapter of document.querySelectorAll(".chapter")) marks.observe(chapter);
  }

  // A part that scrolls sideways can be reached with the keyboard; one that does not, need not be.
  function watchScrolling() {
    const set = (each) => {
      if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
      else each.removeAttribute("tabindex");
    };
    const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => set(target)));
    for (const each of document.querySelectorAll(".scroll")) sizes.observe(each);
  }

  const widgets = new Map();
  async function startWidget(place) {
    try {
      widgets.get(place.dataset.widget)(place, await data(place.dataset.source));
      place.dataset.ready = "";
    } catch (error) {
      failed(place, error);
    }
  }

  function start() {
    watchContents();
    watchPrinting();
    const started = [...document.querySelectorAll("[data-widget]")].map(startWidget);
    Promise.allSettled(started).then(() => {
      watchScrolling();
      document.body.dataset.ready = "";
      performance.mark("report-ready");
      // Last, after a picture of the page without them: reading plotly.js takes the longest.
      requestAnimationFrame(() => setTimeout(Report.figures.watch));
    });
  }

  return {
    NOTHING, language, texts, number, significant, percent, plain, unit, customers, fill,
    element, newId, slider, scrolling, data, failed, widgets, start,
  };
})();
