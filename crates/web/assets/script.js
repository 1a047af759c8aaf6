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
    const name = (period.first === period.last ? period.first : `${period.first} to ${period.last}`) + (period.is_finished ? "" : ", not finished");
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
