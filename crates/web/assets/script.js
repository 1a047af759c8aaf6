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
