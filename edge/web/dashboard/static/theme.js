// Before anything is painted: light or dark, as chosen here or as the system says.
(() => {
  const KEY = "edge-dashboard-theme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let choice = "auto";
  try {
    choice = localStorage.getItem(KEY) ?? "auto";
  } catch { /* a browser that stores nothing */ }

  const apply = () => {
    const dark = choice === "dark" || (choice !== "light" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.dispatchEvent(new Event("theme"));
  };
  system.addEventListener("change", apply);
  apply();

  window.edgeTheme = {
    get choice() {
      return choice;
    },
    choose(word) {
      choice = word;
      try {
        localStorage.setItem(KEY, word);
      } catch { /* it holds until the page is closed */ }
      apply();
    },
  };
})();
