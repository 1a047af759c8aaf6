// Everything works without this; it saves some hands some work.

// "/" goes to the search box.
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const box = document.getElementById("q");
  box?.focus();
  box?.select();
});

// Copy buttons appear only where copying works.
if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const words = button.textContent;
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => (button.textContent = words), 2000);
    });
  }
}

// A README's headings have prefixed ids, while links from elsewhere know them without.
const goToHeading = () => {
  const id = decodeURIComponent(location.hash.slice(1));
  if (id && !document.getElementById(id)) document.getElementById(`user-content-${id}`)?.scrollIntoView();
};
addEventListener("hashchange", goToHeading);
goToHeading();
