// Everything works without this; it saves some hands some work.

const box = document.getElementById("q");

// "/" goes to the search box.
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  box?.focus();
  box?.select();
});

// While somebody types, the box offers what may be meant: a combobox with a list, as the ARIA authoring practices describe it.
const suggest = (box) => {
  const list = document.createElement("div");
  list.className = "suggestions";
  list.id = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  const said = document.createElement("span");
  said.className = "sr-only";
  said.setAttribute("role", "status");
  box.form.append(list, said);
  const attributes = { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, "aria-haspopup": "listbox" };
  for (const [name, value] of Object.entries(attributes)) box.setAttribute(name, value);

  let options = [];
  let active = -1;
  let request;
  let timer;

  const point = (place) => {
    options[active]?.setAttribute("aria-selected", "false");
    active = place;
    const option = options[active];
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) box.setAttribute("aria-activedescendant", option.id);
    else box.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    request?.abort();
    clearTimeout(timer);
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    point(-1);
  };

  // The letters that were typed stand out.
  const named = (name, typed) => {
    const label = document.createElement("span");
    label.className = "name";
    const at = typed ? name.toLowerCase().indexOf(typed) : -1;
    if (at < 0) label.textContent = name;
    else {
      const mark = document.createElement("mark");
      mark.textContent = name.slice(at, at + typed.length);
      label.append(name.slice(0, at), mark, name.slice(at + typed.length));
    }
    return label;
  };
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const group = (title, entries, typed) => {
    if (!entries.length) return [];
    const part = document.createElement("div");
    part.setAttribute("role", "group");
    part.setAttribute("aria-label", title);
    const heading = document.createElement("div");
    heading.className = "title";
    heading.setAttribute("aria-hidden", "true");
    heading.textContent = title;
    part.append(heading);
    for (const { name, href, number, unit, words } of entries) {
      const option = document.createElement("a");
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.tabIndex = -1;
      option.href = href;
      option.append(named(name, typed));
      if (number !== undefined) {
        const count = document.createElement("span");
        count.className = "number";
        count.textContent = `${short.format(number)} ${unit}`;
        option.append(count);
      }
      if (words) {
        const line = document.createElement("span");
        line.className = "words";
        line.dir = "auto";
        line.textContent = words;
        option.append(line);
      }
      part.append(option);
    }
    return [part];
  };
  const show = (found) => {
    const typed = found.text.trim().toLowerCase().replace(/^(pkg:|[@~])/, "");
    const search = (query) => `/?q=${encodeURIComponent(query)}`;
    const names = (entries, sign, href) =>
      entries.map((one) => ({ name: sign + one.name, href: href(one), number: one.packages, unit: one.packages === 1 ? "package" : "packages" }));
    const last = typed.split(/[\s:,]/).pop();
    const packages = found.packages.map((one) => ({
      name: one.name,
      href: `/pkg:${one.name}`,
      number: one.downloads?.monthly,
      unit: "a month",
      words: one.deprecated ? "deprecated" : one.description,
    }));
    list.replaceChildren(
      ...group("Packages", packages, typed),
      ...group("Keywords", names(found.keywords, "", (one) => search(one.query)), last),
      ...group("Scopes", names(found.scopes, "@", (one) => search(one.query)), last),
      ...group("Users", names(found.users, "~", (one) => `/@${encodeURIComponent(one.name)}`), last),
    );
    options = [...list.querySelectorAll("[role=option]")];
    options.forEach((option, place) => (option.id = `suggestion-${place}`));
    point(-1);
    list.hidden = !options.length;
    box.setAttribute("aria-expanded", String(!list.hidden));
    said.textContent = options.length === 1 ? "1 suggestion" : `${options.length || "No"} suggestions`;
  };
  const ask = async () => {
    request?.abort();
    if (!box.value.trim()) return close();
    request = new AbortController();
    try {
      const answer = await fetch(`${box.dataset.suggestions}?q=${encodeURIComponent(box.value)}`, { signal: request.signal });
      // Whoever left the box in the meantime wants no list.
      if (answer.ok && document.activeElement === box) show(await answer.json());
    } catch {
      // Typed on, or without a network: the form works as ever.
    }
  };

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 40);
  });
  box.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    if (event.key === "Escape" && open) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && open && active >= 0) {
      event.preventDefault();
      options[active].click();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) return ask();
      const step = event.key === "ArrowDown" ? 1 : -1;
      // Past either end the box itself is next, then the other end.
      const places = options.length + 1;
      point(((active + 1 + step + places) % places) - 1);
    }
  });
  // A press on a suggestion leaves the box only for where the suggestion leads.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  box.addEventListener("blur", close);
};
if (box?.dataset.suggestions) suggest(box);

// Copy buttons appear only where copying works.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const words = button.textContent;
    let back;
    button.hidden = false;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      clearTimeout(back);
      back = setTimeout(() => (button.textContent = words), 2000);
    });
  }
}

// Where there will soon be more to show, the page loads itself again, unless somebody types.
if ("reload" in document.body.dataset) {
  setInterval(() => {
    if (document.activeElement !== box && box?.value === box?.defaultValue) location.reload();
  }, 5000);
}

// The values of a chart, under the pointer or of the period that the arrow keys choose.
const chartDay = (text) => Date.parse(text) / 864e5;
const chartValue = (chart, value) => {
  if (value === null || value === undefined) return "unknown";
  const amount = value.toLocaleString("en", { maximumSignificantDigits: Number.isInteger(value) ? 21 : 3 });
  if (chart.show === "growth" && value > 0) return `+${amount}%`;
  return chart.show === "growth" || chart.show === "share" ? `${amount}%` : amount;
};
const chartDate = (day, parts) => new Date(day).toLocaleDateString("en-GB", { ...parts, month: "short", year: "numeric", timeZone: "UTC" });
const chartPeriod = ({ step, show }, { first, last }) => {
  if (show === "versions") return `7 days to ${chartDate(last, { day: "numeric" })}`;
  if (step === "year") return first.slice(0, 4);
  if (step === "month") return chartDate(first, {});
  return (step === "week" ? "week of " : "") + chartDate(first, { day: "numeric" });
};
for (const figure of document.querySelectorAll("figure[data-values]")) {
  const plot = figure.querySelector(".plot");
  const pointer = document.createElement("div");
  const tip = document.createElement("div");
  let chart, reading;
  let at = -1;
  pointer.className = "pointer";
  pointer.tabIndex = 0;
  pointer.setAttribute("role", "slider");
  pointer.setAttribute("aria-label", "Values by period");
  pointer.setAttribute("aria-valuenow", "0");
  pointer.setAttribute("aria-valuetext", "arrow keys choose a period");
  tip.className = "tip";
  tip.hidden = true;
  plot.append(pointer, tip);
  const read = () => (reading ??= fetch(figure.dataset.values).then((answer) => (answer.ok ? answer.json() : null)).then((answer) => (chart = answer), () => (reading = undefined)));
  const hide = () => {
    tip.hidden = true;
    pointer.classList.remove("on");
  };
  const show = (index) => {
    if (!chart?.periods.length) return;
    at = Math.max(0, Math.min(chart.periods.length - 1, index));
    const period = chart.periods[at];
    const days = chartDay(period.last) - chartDay(period.first) + 1;
    const name = chartPeriod(chart, period) + (period.is_finished ? "" : ", not finished");
    const lines = chart.series.map((line, number) => {
      const known = line.known_days[at];
      const value = chartValue(chart, line.values[at]) + (known && known < days ? ` (${known} of ${days} days)` : "");
      return { number, name: line.name, value };
    });
    const head = document.createElement("b");
    head.textContent = name;
    tip.replaceChildren(head, ...lines.map((line) => {
      const row = document.createElement("p");
      const [label, value] = [document.createElement("span"), document.createElement("span")];
      row.className = `s${line.number + 1}`;
      label.textContent = line.name;
      value.textContent = line.value;
      row.append(label, value);
      return row;
    }));
    const share = ((chartDay(period.first) + chartDay(period.last) + 1) / 2 - chartDay(chart.from)) / (chartDay(chart.to) - chartDay(chart.from) + 1);
    pointer.style.setProperty("--at", `${share * 100}%`);
    pointer.setAttribute("aria-valuemax", chart.periods.length - 1);
    pointer.setAttribute("aria-valuenow", at);
    pointer.setAttribute("aria-valuetext", `${name}: ${lines.map((line) => `${line.name} ${line.value}`).join(", ")}`);
    pointer.classList.add("on");
    tip.hidden = false;
    const x = pointer.offsetLeft + share * pointer.offsetWidth;
    tip.style.left = `${x > plot.offsetWidth / 2 ? Math.max(0, x - tip.offsetWidth - 12) : Math.min(x + 12, Math.max(0, plot.offsetWidth - tip.offsetWidth))}px`;
  };
  const follow = async (event) => {
    await read();
    if (!chart?.periods.length) return;
    const box = pointer.getBoundingClientRect();
    const day = chartDay(chart.from) + ((event.clientX - box.left) / box.width) * (chartDay(chart.to) - chartDay(chart.from) + 1);
    const next = chart.periods.findIndex((period) => chartDay(period.last) + 1 > day);
    show(next < 0 ? chart.periods.length - 1 : next);
  };
  pointer.addEventListener("pointermove", follow);
  pointer.addEventListener("pointerdown", follow);
  pointer.addEventListener("pointerleave", () => document.activeElement !== pointer && hide());
  pointer.addEventListener("blur", hide);
  pointer.addEventListener("focus", async () => {
    await read();
    if (document.activeElement === pointer && tip.hidden) show(at < 0 ? (chart?.periods.length ?? 0) - 1 : at);
  });
  pointer.addEventListener("keydown", async (event) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") hide();
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    await read();
    show(at + step);
  });
}

// A README's headings have prefixed ids, while links from elsewhere know them without.
const goToHeading = () => {
  let id = location.hash.slice(1);
  try {
    id = decodeURIComponent(id);
  } catch {
    // It stays as it is.
  }
  if (id && !document.getElementById(id)) document.getElementById(`user-content-${id}`)?.scrollIntoView();
};
addEventListener("hashchange", goToHeading);
goToHeading();
